import { expect, test } from '@jest/globals';
import { compareEveryStation, type MainJobAccount } from '../../../local/start/reconciliation.ts';
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
  simulator: { quotaViolations: 0, acceptedTwice: 0 },
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
  ['a request over the quota', { simulator: { quotaViolations: 1, acceptedTwice: 0 } }],
  ['a package that was accepted twice', { simulator: { quotaViolations: 0, acceptedTwice: 1 } }],
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

  const text = resultText(compareEveryStation(account), resends, false);

  expect(text).toContain(
    '1 package was sent more than once, after:\n  1 x unprocessed (the job did not run): 2026-11-H1.a',
  );
  expect(text).toContain('Every number agrees');
  expect(resultText(compareEveryStation({ ...account, deadLetters: 2 }), resends, false)).toContain(
    'These do not agree:\n  2 messages',
  );
});
