import { afterAll, beforeEach, expect, test } from '@jest/globals';
import type { PackageState } from '../../../lib/packages/package.ts';
import { assess } from '../../../lib/sending/assess.ts';
import { CanaryFailed, InvoiceApiRefusedCredentials, PackagesParked } from '../../../lib/sending/errors.ts';
import { wholeRun } from '../../../lib/sending/selection.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import type { SimulatorOptions } from '../../../local/invoice-api-simulator/simulator.ts';
import { startTestInvoiceApi, TEST_PERIOD, TEST_TOKEN, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackage, makePackages, runSending, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
const opened: TestInvoiceApi[] = [];
beforeEach(async () => {
  tables = await startTestTables();
});
afterAll(async () => {
  await Promise.all(opened.map((api) => api.stop()));
});

async function apiWith(options: Partial<SimulatorOptions>): Promise<TestInvoiceApi> {
  const api = await startTestInvoiceApi(options, { timeoutMilliseconds: 500 });
  opened.push(api);
  return api;
}

const FAST = { requestTimeoutMilliseconds: 500, pollStartMilliseconds: 100, pollMaximumMilliseconds: 500 };

async function statesOf(sending: TestSending): Promise<Partial<Record<PackageState, number>>> {
  const { states } = await sending.countPackages(wholeRun(testRun()));
  return Object.fromEntries(Object.entries(states).filter(([, count]) => count > 0));
}

test.each([
  ['time-outs after commit', { timeoutAfterCommit: 0.2 }],
  ['server errors', { serverError: 0.2 }],
  ['broken connections', { connectionReset: 0.2 }],
  ['cut answers', { malformedJson: 0.2 }],
  ['locks', { conflict: 0.2 }],
  ['lost status', { lostStatus: 0.3 }],
  ['work not done', { unprocessed: 0.3 }],
  ['no room', { unavailable: 0.2 }],
])('%s: all is processed in the end, and nothing twice', async (_name, faults) => {
  const { api, simulator } = await apiWith({ profile: 'perfect', faults, faultyAttempts: 2 });
  await makePackages(tables, 30);
  const sending = sendingOn(tables, api, FAST);

  await runSending(sending);

  expect(await statesOf(sending)).toEqual({ processed: 30 });
  expect(simulator.report()).toMatchObject({ acceptedTwice: 0, keysReused: 0, packages: { processed: 30 } });
  await tables.stop();
});

test('a package that a crashed sender left behind is sent again under the same key', async () => {
  const { api, simulator } = await apiWith({ profile: 'perfect' });
  await makePackage(tables, 'acme', { state: 'sending', everSent: true, attemptCount: 1, leaseUntil: Date.now() - 1 });
  const sending = sendingOn(tables, api, FAST);

  await runSending(sending);

  expect(await statesOf(sending)).toEqual({ processed: 1 });
  const head = await sending.packages.loadHead(TEST_PERIOD, 'acme', 1);
  expect(head).toMatchObject({ submission: 1, attemptCount: 2 });
  expect(simulator.report().acceptedTwice).toBe(0);
  await tables.stop();
});

test('refused credentials stop the run, mark nothing as failed, and leave it redrivable', async () => {
  const { api, simulator } = await apiWith({ profile: 'perfect', token: 'another' });
  await makePackages(tables, 10);
  const sending = sendingOn(tables, api, FAST);

  await expect(takeTurn({ run: testRun(), chunk: '0-15' }, sending)).rejects.toThrow(InvoiceApiRefusedCredentials);
  expect(await statesOf(sending)).toEqual({ ready: 10 });

  simulator.setToken(TEST_TOKEN);
  await runSending(sending);
  expect(await statesOf(sending)).toEqual({ processed: 10 });
  await tables.stop();
});

test('attempts that are spent park the package, and only parked ones left stop the run', async () => {
  const { api } = await apiWith({ profile: 'perfect', faults: { serverError: 1 } });
  await makePackage(tables, 'acme', { attemptCount: 7, turnedAway: { times: 9, since: 1, at: 2 } });
  const sending = sendingOn(tables, api, FAST);
  // Others have been answered since it failed last.
  await sending.calendar.change((calendar) => ({ calendar: { ...calendar, sendsAnsweredAt: Date.now() } }));

  const failure = await assessAfterSending(sending);

  expect(failure).toBeInstanceOf(PackagesParked);
  expect(failure).toMatchObject({ parked: 1 });
  expect(sending.notified).toMatchObject([{ type: 'Packages Parked', detail: { parked: 1 } }]);
  expect(await sending.packages.loadHead(TEST_PERIOD, 'acme', 1)).toMatchObject({
    state: 'parked',
    reason: expect.stringContaining('8 attempts are spent'),
  });
  await tables.stop();
});

test('a canary that fails stops the run with the rest untouched', async () => {
  const { api } = await apiWith({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 12);
  const sending = sendingOn(tables, api, { ...FAST, canary: 3, failureShareLimit: 0.5 });

  await expect(runSending(sending)).rejects.toMatchObject({ cause: expect.any(CanaryFailed) });

  expect(await statesOf(sending)).toEqual({ rejected: 3, ready: 9 });
  expect(sending.notified).toMatchObject([{ type: 'Canary Stopped', detail: { failed: 3, size: 3 } }]);
  await tables.stop();
});

test('a canary that goes well lets the rest follow', async () => {
  const { api } = await apiWith({ profile: 'perfect' });
  await makePackages(tables, 12);
  const sending = sendingOn(tables, api, { ...FAST, canary: 3, failureShareLimit: 0 });

  await runSending(sending);

  expect(await statesOf(sending)).toEqual({ processed: 12 });
  await tables.stop();
});

test('a run limited to some clients leaves the others alone', async () => {
  const { api } = await apiWith({ profile: 'perfect' });
  const [first = '', second = ''] = await makePackages(tables, 5);
  const sending = sendingOn(tables, api, FAST);

  await runSending(sending, testRun({ clients: [first, second] }));

  expect(await statesOf(sending)).toEqual({ processed: 2, ready: 3 });
  await tables.stop();
});

test('a block that the API asks for goes into the calendar and costs no attempt', async () => {
  const { api } = await apiWith({ profile: 'perfect', quota: { shared: [{ requests: 5, seconds: 3600 }] } });
  await makePackages(tables, 20);
  const sending = sendingOn(tables, api, FAST);

  const sent = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(sent.done).toBe(false);
  const { blockedUntil } = await sending.calendar.load();
  expect(blockedUntil - Date.now()).toBeGreaterThan(3_000_000);
  // It looks every quarter of an hour whether a person has lifted the block.
  expect(Date.parse(sent.booking.startsAt)).toBeGreaterThan(Date.now() + 800_000);
  const { ready = 0, sending: held = 0 } = await statesOf(sending);
  expect({ ready, held }).toEqual({ ready: 15, held: 0 });
  await tables.stop();
});

test('a forecast past the deadline is told', async () => {
  const { api } = await apiWith({ profile: 'perfect' });
  await makePackages(tables, 3);
  const sending = sendingOn(tables, api, FAST);

  await runSending(sending, testRun({ deadline: '2026-11-16T02:00:00Z' }));

  expect(sending.notified).toMatchObject([{ type: 'Forecast Past Deadline', detail: { packages: 3 } }]);
  await tables.stop();
});

async function assessAfterSending(sending: TestSending): Promise<unknown> {
  await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  return assess({ run: testRun() }, sending).catch((error: unknown) => error);
}
