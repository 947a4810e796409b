import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { readSettings } from '../../config/settings.ts';
import { alarmsOf } from '../../resources/alarms.ts';
import { functionNames } from '../../resources/function-names.ts';

const runbook = readFileSync(new URL('../../docs/runbook.md', import.meta.url), 'utf8');
const alarms = Object.keys(alarmsOf('halfmonth-prod', readSettings('prod'), functionNames())).map((id) =>
  id.replace(/Alarm$/, ''),
);

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
