import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { PackageHead } from '../../../lib/packages/package.ts';
import { PackageFindings } from '../../../local/start/package-findings.ts';
import { compareEveryStation, type MainJobAccount } from '../../../local/start/reconciliation.ts';
import { RefusedLines } from '../../../local/start/refused-lines.ts';
import { ResendReasons } from '../../../local/start/resends.ts';
import { resultText } from '../../../local/start/result-table.ts';

const account: MainJobAccount = {
  closedPeriods: ['2026-11-H1'],
  produced: {
    events: 10,
    eventsInClosedPeriods: 10,
    totalsInClosedPeriods: { calls: '12', gb: '0.5' },
    malformed: { NOT_JSON: 2 },
  },
  counted: { events: 10 },
  rejected: { NOT_JSON: 2 },
  deadLetters: 0,
  days: { events: 10, totals: { calls: '12', gb: '0.5' } },
  packages: { count: 3, totals: { calls: '12', gb: '0.50' } },
  processed: { packages: 3, totals: { calls: '12', gb: '0.5' } },
  refused: { packages: 0, totals: {} },
  simulator: { quotaViolations: 0, earlyBy: 0, longestStall: 12, acceptedTwice: 0 },
  runs: [{ periodId: '2026-11-H1', status: 'SUCCEEDED' }],
};

test('equal values agree, however their decimals are written', () => {
  expect(compareEveryStation(account).differences).toEqual([]);
});

test('a difference names its line and what every station says', () => {
  const { differences } = compareEveryStation({ ...account, processed: { packages: 3, totals: { calls: '12' } } });

  expect(differences).toEqual(['gb: produced 0.5, days 0.5, packages 0.50, processed 0']);
});

test('a reason that nobody produced is a difference', () => {
  const { differences } = compareEveryStation({ ...account, rejected: { NOT_JSON: 2, TOO_OLD: 1 } });

  expect(differences).toEqual(['events rejected as TOO_OLD: produced 0, rejected 1']);
});

test('events outside of the closed periods are compared up to the counting only', () => {
  const { lines, differences } = compareEveryStation({
    ...account,
    produced: { ...account.produced, events: 14 },
    counted: { events: 14 },
  });

  expect(differences).toEqual([]);
  expect(lines.slice(0, 2).map(({ values }) => values)).toEqual([
    { produced: '14', counted: '14' },
    { produced: '10', days: '10' },
  ]);
});

test.each<[string, Partial<MainJobAccount>]>([
  ['a run that failed', { runs: [{ periodId: '2026-11-H1', status: 'FAILED', error: 'PackagesParked' }] }],
  ['a message that was given up', { deadLetters: 1 }],
  [
    'a request that left over the quota',
    { simulator: { quotaViolations: 1, earlyBy: 40, longestStall: 12, acceptedTwice: 0 } },
  ],
  [
    'a package that was accepted twice',
    { simulator: { quotaViolations: 0, earlyBy: 0, longestStall: 12, acceptedTwice: 1 } },
  ],
  ['a package that the API lost', { processed: { packages: 2, totals: account.processed.totals } }],
])('%s is a difference by itself', (_what, change) => {
  expect(compareEveryStation({ ...account, ...change }).differences).toHaveLength(1);
});

test('the text holds the verdict, and why packages were sent again', () => {
  const resends = new ResendReasons();
  const send = { at: '2026-11-16T00:00:00Z', action: 'send' as const, revision: 1, submission: 1 };
  resends.add({
    packageId: '2026-11-H1.a',
    attempts: [
      { ...send, outcome: 'submitted' },
      { ...send, action: 'check', outcome: 'unprocessed', reason: 'the job did not run' },
      { ...send, submission: 2, outcome: 'submitted' },
    ],
  });
  resends.add({ packageId: '2026-11-H1.b', attempts: [{ ...send, outcome: 'submitted' }] });

  const text = resultText(compareEveryStation(account), resends, new PackageFindings(), false);

  expect(text).toContain(
    '1 package was sent more than once, after:\n  1 x unprocessed (the job did not run): 2026-11-H1.a',
  );
  expect(text).toContain('Every number agrees');
  expect(
    resultText(compareEveryStation({ ...account, deadLetters: 2 }), resends, new PackageFindings(), false),
  ).toContain('These do not agree:\n  2 messages');
});

test('a table that is wider than the window has a line for each figure', () => {
  const text = resultText(
    compareEveryStation(account),
    new ResendReasons(),
    new PackageFindings(),
    false,
    undefined,
    40,
  );
  const [tables = ''] = text.split('\n\n  agree');

  expect(tables).toMatch(/^Events\n {2}distinct valid events {2}agree\n {4}produced +\d+\n/);
  expect(Math.max(...tables.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(40);
});

test('a request that a busy machine held up on its way broke no quota, and the text says what that means', () => {
  const simulator = { quotaViolations: 2, earlyBy: 80, longestStall: 210, acceptedTwice: 0 };

  const { differences, checks } = compareEveryStation({ ...account, simulator });

  expect(differences).toEqual([]);
  expect(checks.map(({ finding }) => finding)).toContainEqual(
    expect.stringMatching(/^2 requests reached the API up to 80 ms too early, .* held requests up .* up to 210 ms/),
  );
});

test('what the API refused is not billed and agrees, and the text names it and what to do', () => {
  const packages = new PackageFindings();
  const head = { packageId: '2026-11-H1.a', clientId: 'a', state: 'rejected', reason: 'no tax number', attempts: [] };
  // As much of a head as findings look at.
  packages.add(head as unknown as PackageHead, { calls: '2' }, { isCurrent: false, instead: '' });
  const reconciliation = compareEveryStation({
    ...account,
    refused: { packages: 1, totals: packages.refusedTotals },
    processed: { packages: 2, totals: { calls: '10', gb: '0.5' } },
  });

  const text = resultText(reconciliation, new ResendReasons(), packages, false);

  expect(reconciliation.differences).toEqual([]);
  expect(text).toContain('2026-11-H1.a (client a): rejected: no tax number');
  expect(text).toContain('npx halfmonth parked release --rejected PERIOD');
  expect(text).not.toContain('nothing lost');
});

test('what we parked and the API has processed is billed once: it stands on one side, and the text warns', () => {
  const packages = new PackageFindings();
  const head = {
    packageId: '2026-11-H1.a',
    clientId: 'a',
    state: 'parked',
    reason: '8 attempts are spent',
    attempts: [],
  };
  // As much of a head as findings look at.
  packages.add(head as unknown as PackageHead, { calls: '2' }, { isCurrent: true, instead: '' });
  const reconciliation = compareEveryStation({
    ...account,
    refused: { packages: packages.refused.count, totals: packages.refusedTotals },
  });

  const text = resultText(reconciliation, new ResendReasons(), packages, false);

  expect(reconciliation.differences).toEqual([]);
  expect(text).toContain('1 not as the invoice API has them');
  expect(text).toContain(
    'we have it parked (8 attempts are spent), and the API has processed it: do not send it under',
  );
  expect(text).not.toContain('not billed');
  expect(text).not.toContain('nothing lost');
});

describe('the verdict of what agrees', () => {
  const verdict = (changed: Partial<MainJobAccount>, refused?: RefusedLines) => {
    const text = resultText(
      compareEveryStation({ ...account, ...changed }),
      new ResendReasons(),
      new PackageFindings(),
      false,
      refused,
    );
    return text.split('\n').at(-1);
  };
  const nothing = { events: 0, totals: {} };

  test('says that nothing is lost only if every line of the file counted', () => {
    const refused = new RefusedLines(join(tmpdir(), `halfmonth-refused-${process.pid}.ndjson`));
    expect(verdict({}, refused)).toBe('Every number agrees: nothing lost, nothing billed twice.');

    refused.add({ line: 7, reason: 'INVALID_TIME', message: 'time is missing' });

    expect(verdict({}, refused)).toBe(
      'Every number agrees, and nothing was billed twice; 1 line of the file was not counted, see above.',
    );
  });

  test('does not say that a period without usage agrees', () => {
    const empty = {
      produced: { events: 0, eventsInClosedPeriods: 0, totalsInClosedPeriods: {}, malformed: {} },
      counted: { events: 0 },
      rejected: {},
      days: nothing,
      packages: { count: 0, totals: {} },
      processed: { packages: 0, totals: {} },
    };
    expect(verdict(empty)).toBe(
      'There is no usage in 2026-11-H1, so nothing was billed and nothing could be compared.',
    );
  });
});
