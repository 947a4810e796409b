import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { wholeRun } from '../../../lib/sending/selection.ts';
import { bookQuota, type SendChunkState, sendChunk } from '../../../lib/sending/send-chunk.ts';
import type { SendingSettings } from '../../../lib/sending/sending.ts';
import { startTestInvoiceApi, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
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

test('what became of packages is known while others still wait for the quota', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
  // Processing takes no time, but is not done when the submission is answered.
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending, passHour } = sendingByTheHour();
  const api = sending.api;
  sending.api = {
    ...api,
    submit: async (request) => {
      const outcome = await api.submit(request);
      return outcome.kind === 'accepted' ? { ...outcome, status: 'queued' } : outcome;
    },
  };

  const first = await sendChunk(await bookQuota({ run: testRun(), chunk: '0-15' }, sending), sending);
  passHour();
  const second = await sendChunk(first, sending);

  expect(second).toMatchObject({ done: false, settled: 2 * PACKAGES_AN_HOUR });
  const { states } = await sending.countPackages(wholeRun(testRun()));
  expect(states).toMatchObject({ ready: PACKAGES_AN_HOUR, submitted: 0, processed: 2 * PACKAGES_AN_HOUR });
});

test('when more packages fail than the limit allows, assess decides before the rest is sent', async () => {
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { invalid: 1 } });
  await makePackages(tables, 3 * PACKAGES_AN_HOUR);
  const { sending } = sendingByTheHour({ failureShareLimit: 0.1 });

  const state: SendChunkState = await sendChunk(await bookQuota({ run: testRun(), chunk: '0-15' }, sending), sending);

  expect(state).toMatchObject({ done: true, rejected: PACKAGES_AN_HOUR });
  expect(invoiceApi.simulator.report().requests.total).toBe(PACKAGES_AN_HOUR);
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

  await expect(sendChunk(before, sending)).resolves.toMatchObject({ done: true, turns: 5, settled: 3 });
});
