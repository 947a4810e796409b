import { describe, expect, test } from '@jest/globals';
import { command, remedyCommand } from '../../../cli/terminal/next-command.ts';
import { PackagesParked } from '../../../lib/sending/errors.ts';

describe('a command that a text proposes', () => {
  test('names the stage, region and profile that the operator named', () => {
    const called = ['status', '--stage', 'prod', '--region=eu-central-1', '--profile', "the operator's"];

    expect(command('parked release', called)).toBe(
      "npx halfmonth parked release --stage prod --region eu-central-1 --profile 'the operator'\\''s'",
    );
  });

  test('says --local where the operator did', () => {
    expect(command('doctor', ['status', '--local'])).toBe('npx halfmonth doctor --local');
  });

  test('stays as it is where nobody chose', () => {
    expect(command('status', ['status', '2026-11-H1', '--json'])).toBe('npx halfmonth status');
  });
});

test('an error of the domain says what to do as data, and only the command line how that is typed', () => {
  const error = new PackagesParked('2026-11-H1', 2);

  expect(error.message).not.toContain('npx');
  expect(error.remedies.map(remedyCommand)).toEqual(['npx halfmonth packages 2026-11-H1 --status parked']);
});
