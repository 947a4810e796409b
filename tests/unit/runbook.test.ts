import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { readSettings } from '../../config/settings.ts';
import { alarmsOf } from '../../resources/alarms.ts';
import { functionNames } from '../../resources/function-names.ts';

const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
// With everything that a stage may have, so that its alarms are among them.
const archive = { enabled: true, retentionDays: 400, waitSeconds: 3 };
const settings = { ...readSettings('prod'), archive, gate: { mode: 'variance' as const } };
const alarms = Object.keys(alarmsOf('halfmonth-prod', settings, functionNames())).map((id) => id.replace(/Alarm$/, ''));

test.each(alarms)('the runbook says what to do when %s rings', (name) => {
  // A heading, or a row of the functions' table.
  expect(runbook).toMatch(new RegExp(`^(### |\\|.*)\`${name}\``, 'm'));
});

test('the runbook has no section for an alarm that does not exist', () => {
  const sections = [...runbook.matchAll(/^### `(\w+)`/gm)].map(([, name]) => name);
  expect(sections.filter((name) => !alarms.includes(String(name)))).toEqual([]);
});

test('every link inside the runbook leads somewhere', () => {
  const anchors = [...runbook.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
    String(title)
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...runbook.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
  expect(links.filter((anchor) => !anchors.includes(String(anchor)))).toEqual([]);
});

/** The rows of the table of errors: what to do, by the error's name. */
const advice = new Map(
  [...runbook.matchAll(/^\| (`[\w.]+`.*?) \| (.*) \|$/gm)].flatMap(([, names, what]) =>
    [...String(names).matchAll(/`([\w.]+)`/g)].map(([, name]): [string, string] => [String(name), String(what)]),
  ),
);

/** The names that the state machine matches, but for the one that means all. */
function matchedErrors(): string[] {
  const definition = readFileSync(new URL('../../statemachines/billing-period.asl.yml', import.meta.url), 'utf8');
  const lists = [...definition.matchAll(/ErrorEquals:\n((?:\s+- \w+\n)+)/g)];
  return lists.flatMap(([, list]) => [...String(list).matchAll(/- (\w+)/g)].map(([, name]) => String(name)));
}

/** The errors that are declared in what the functions of the state machine import. */
function errorsOfTasks(): string[] {
  const folder = new URL('../../functions/', import.meta.url);
  const outsideOfRuns = ['aggregate-events.ts', 'watch-periods.ts'];
  const sources = new Map<string, string>();
  const read = (file: URL): void => {
    if (sources.has(file.href)) return;
    const source = readFileSync(file, 'utf8');
    sources.set(file.href, source);
    for (const [, path] of source.matchAll(/from '(\.[^']+)'/g)) read(new URL(String(path), file));
  };
  for (const name of readdirSync(folder)) {
    if (name.endsWith('.ts') && !outsideOfRuns.includes(name)) read(new URL(name, folder));
  }
  return [...sources.values()].flatMap((source) =>
    [...source.matchAll(/^export class (\w+) extends (?:HalfmonthError|Error) /gm)].map(([, name]) => String(name)),
  );
}

describe('the errors of a failed run', () => {
  test.each([...new Set([...matchedErrors(), ...errorsOfTasks()])])('the runbook says what to do about %s', (name) => {
    expect(advice.get(name)).toBeDefined();
  });

  test('the state machine and its functions are read', () => {
    expect(matchedErrors()).toEqual(expect.arrayContaining(['AccountUnbalanced', 'ChunkTooLarge']));
    expect(errorsOfTasks()).toEqual(expect.arrayContaining(['InvoiceApiNotThere', 'ChunkMissing']));
  });

  test.each(['AccountUnbalanced', 'TooManyRounds', 'ChunkTooLarge', 'ChunkMissing'])(
    'a redrive would fail again with %s, and the runbook says to start anew',
    (name) => {
      expect(advice.get(name)).toMatch(/\[run again\]\(#run-a-period-again\)/);
      expect(advice.get(name)).not.toMatch(/then redrive/);
    },
  );
});
