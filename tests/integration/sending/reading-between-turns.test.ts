import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { assess } from '../../../lib/sending/assess.ts';
import { wholeRun } from '../../../lib/sending/selection.ts';
import type { SendingSettings } from '../../../lib/sending/sending.ts';
import { type TurnState, takeTurn } from '../../../lib/sending/take-turn.ts';
import { startTestInvoiceApi, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackage, makePackages, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const PACKAGES_AN_HOUR = 30;

let tables: TestTables;
let invoiceApi: TestInvoiceApi;
beforeEach(async () => {
  tables = await startTestTables();
});
afterEach(async () => {
  await invoiceApi.stop();
  await tables.stop();
});

/** Sending under a quota of an hour; the clock is put forward by the test. */
function sendingByTheHour(settings: Partial<SendingSettings> = {}): { sending: TestSending; passHour: () => void } {
  let ahead = 0;
  const sending = sendingOn(
    tables,
    invoiceApi.api,
    {
      quota: { send: [{ requests: PACKAGES_AN_HOUR, seconds: 3600 }], status: [], shared: [] },
      processingDeadlineMilliseconds: 86_400_000,
      ...settings,
    },
    { clock: { now: () => Date.now() + ahead, sleep: async () => {} } },
  );
  const passHour = () => {
    ahead += 3_700_000;
  };
  return { sending, passHour };
}

/** Processing takes no time, but is not done when a submission is answered. */
function answerBeforeProcessing(sending: TestSending): void {
  const { api } = sending;
  sending.api = {
    ...api,
    submit: async (...request) => {
      const outcome = await api.submit(...request);
      return outcome.kind === 'accepted' ? { ...outcome, status: 'queued' } : outcome;
    },
  };
}

test('the outcome of packages is known while others still wait for the quota', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending, passHour } = sendingByTheHour();
  answerBeforeProcessing(sending);

  const first = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  passHour();
  const second = await takeTurn(first, sending);

  expect(second).toMatchObject({ done: false, settled: 2 * PACKAGES_AN_HOUR });
  const { states } = await sending.countPackages(wholeRun(testRun()));
  expect(states).toMatchObject({
    ready: PACKAGES_AN_HOUR,
    submitted: PACKAGES_AN_HOUR,
    processed: PACKAGES_AN_HOUR,
  });
});

test('reading takes a request or two of a window that both kinds share, and leaves no booking behind', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending, passHour } = sendingByTheHour({
    quota: { send: [], status: [], shared: [{ requests: PACKAGES_AN_HOUR, seconds: 3600 }] },
  });
  answerBeforeProcessing(sending);

  const first = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  // Somebody else's turn keeps the second from reading.
  passHour();
  const now = sending.clock.now();
  const other = { id: 'other', kind: 'send', requests: 1, clock: 'other', openedAt: now - 1_000 } as const;
  await sending.calendar.change((calendar) => ({
    calendar: { ...calendar, open: { ...other, until: now + 60_000, expiresAt: now + 60_000 } },
  }));
  const second = await takeTurn(first, sending);
  await sending.calendar.change(({ open: _ended, ...calendar }) => ({ calendar }));
  passHour();
  const third = await takeTurn(second, sending);

  expect(second).toMatchObject({ settled: PACKAGES_AN_HOUR, done: false });
  expect(third).toMatchObject({ settled: 2 * PACKAGES_AN_HOUR - 1, done: false });
  const { booked } = await sending.calendar.load();
  expect(booked.map(({ id }) => id)).toEqual(['run-1/send/0-15']);
});

test('when more packages fail than the limit allows, assess decides before the rest is sent', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending } = sendingByTheHour({ failureShareLimit: 0.1 });

  const state: TurnState = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(state).toMatchObject({ done: true, rejected: PACKAGES_AN_HOUR });
  await expect(assess({ run: testRun() }, sending)).rejects.toMatchObject({
    name: 'TooManyPackagesFailed',
    failed: PACKAGES_AN_HOUR,
  });
  expect(invoiceApi.simulator.report().requests.total).toBe(PACKAGES_AN_HOUR);
});

test.each([
  [0.1, 1],
  [1, 0],
])(
  'a small run goes on to its certificate, and at its end too many failures are told: limit %d, %i told',
  async (limit, told) => {
    invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
    await makePackages(tables, 3);
    const { sending } = sendingByTheHour({ failureShareLimit: limit });
    await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

    await expect(assess({ run: testRun() }, sending)).resolves.toMatchObject({ next: 'done' });

    const shares = sending.notified.filter(({ type }) => type === 'Failure Share Exceeded');
    expect(shares.map(({ detail }) => detail)).toEqual(
      told === 0 ? [] : [{ periodId: testRun().period.id, runId: 'run-1', failed: 3, finished: 3 }],
    );
  },
);

test('a small run says nothing of shares before its end', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 3);
  const { sending } = sendingByTheHour({ failureShareLimit: 0.1 });
  await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  await makePackage(tables, 'not-sent');

  await expect(assess({ run: testRun() }, sending)).resolves.toMatchObject({ next: 'send' });

  expect(sending.notified.filter(({ type }) => type === 'Failure Share Exceeded')).toEqual([]);
});

test('a turn that could send everything stops when too many fail', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 100);
  const { sending } = sendingByTheHour({
    quota: { send: [], status: [], shared: [] },
    failureShareLimit: 0.1,
    maximumConcurrency: 2,
  });

  const state = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(state).toMatchObject({ done: true });
  // Twenty are what it takes, and what was prepared by then goes out.
  expect(invoiceApi.simulator.report().requests.total).toBeLessThan(40);
  const { states } = await sending.countPackages(wholeRun(testRun()));
  expect(states.ready).toBeGreaterThan(60);
});

test('when the limit bears what failed, assess lets the run go on', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending } = sendingByTheHour({ failureShareLimit: 0.1 });
  await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  const lenient = { ...sending, settings: { ...sending.settings, failureShareLimit: 1 } };
  await expect(assess({ run: testRun() }, lenient)).resolves.toMatchObject({ next: 'send' });

  await expect(takeTurn({ run: testRun(), chunk: '0-15' }, lenient)).resolves.toMatchObject({ done: false });
});

test('a state of the release before, which knows nothing of reading between turns, goes on', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
  await makePackages(tables, 3);
  const { sending } = sendingByTheHour();
  const before = {
    run: testRun(),
    chunk: '0-15',
    booking: { startsAt: '2026-11-16T02:00:00.000Z' },
    remaining: 3,
    turns: 4,
    done: false,
  };

  await expect(takeTurn(before, sending)).resolves.toMatchObject({ done: true, turns: 5, settled: 3 });
});
