import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from '@jest/globals';
import { buildProgram } from '../../../cli/program.ts';
import { callCommand } from '../../fixtures/command-line.ts';

const folder = mkdtempSync(join(tmpdir(), 'halfmonth-calling-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const paths = buildProgram().commands.flatMap((command) => [
  [command.name()],
  ...command.commands.map((sub) => [command.name(), sub.name()]),
]);

describe('every command', () => {
  test.each(paths.map((path) => [path.join(' '), path] as const))('%s has help with an example', async (name, path) => {
    const { exitCode, stdout } = await callCommand([...path, '--help'], { folder });

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/\nExamples?:\n/);
    expect(stdout).toContain(`halfmonth ${name}`);
  });
});

describe('wrong usage ends with 2 and says what would be right', () => {
  test.each([
    [['nonsense'], /unknown command/],
    [['status', '--nonsense'], /unknown option/],
    [['certificate', '2026-11', '--local'], /is not a billing period.*2026-11-H1/s],
    [['explain', 'a#b'], /is not a client id/],
    [['package', 'acme'], /is not a package id/],
    [['run', '--canary', '0'], /whole number from 1/],
    [['parked', 'release', '2026-11-H1.acme'], /--reason.*See: npx halfmonth parked release --help/s],
    [['redrive'], /missing required argument 'EXECUTION'.*See: npx halfmonth redrive --help/s],
    [['certificate', '--verify', '2026-11-H3', '--local'], /2026-11-H3/],
    [['send', 'nothing.ndjson'], /no file nothing.ndjson/],
    [['send', 'x.csv', '--map', 'id=a'], /no file x.csv/],
    [['status', '--local', '--stage', 'prod'], /--local or --stage, not both/],
    [['completion', 'tcsh'], /bash, zsh or fish/],
  ])('%j', async (args, words) => {
    const { exitCode, stdout, stderr } = await callCommand(args, { folder });

    expect(stderr).toMatch(words);
    expect(stdout).toBe('');
    expect(exitCode).toBe(2);
  });
});

test('a failure with --json is one object on standard output', async () => {
  const { exitCode, stdout } = await callCommand(['package', 'acme', '--json'], { folder });

  expect(exitCode).toBe(2);
  expect(JSON.parse(stdout)).toMatchObject({ schemaVersion: 1, error: { code: 'WRONG_USAGE' } });
});

describe('completion', () => {
  test('in bash completes commands, subcommands and options', async () => {
    const { exitCode, stdout } = await callCommand(['completion', 'bash'], { folder });
    const completed = (words: string) => {
      const array = words.split(' ').map((word) => `"${word}"`);
      const script = `${stdout}\nCOMP_WORDS=(${array.join(' ')}); COMP_CWORD=${array.length - 1}; _halfmonth; echo "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', script], { encoding: 'utf8' }).stdout.trim().split(' ');
    };

    expect(exitCode).toBe(0);
    expect(completed('halfmonth rec')).toEqual(['reconcile']);
    expect(completed('halfmonth parked gi')).toEqual(['give-up']);
    expect(completed('halfmonth run 2026-11-H1 --fol')).toEqual(['--follow']);
  });

  test.each(['zsh', 'fish'])('in %s names every command', async (shell) => {
    const { exitCode, stdout } = await callCommand(['completion', shell], { folder });

    expect(exitCode).toBe(0);
    for (const path of paths) expect(stdout).toContain(path.at(-1));
  });
});
