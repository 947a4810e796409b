import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { wholeRun } from '../../../lib/sending/selection.ts';
import { startTestInvoiceApi, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackages, runSending, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
let invoiceApi: TestInvoiceApi;
beforeAll(async () => {
  tables = await startTestTables();
  invoiceApi = await startTestInvoiceApi({ profile: 'demo' }, { timeoutMilliseconds: 1_000 });
});
afterAll(async () => {
  await invoiceApi.stop();
  await tables.stop();
});

test('sends every package, sends again what was lost or unprocessed, and ends with all of them processed', async () => {
  await makePackages(tables, 120);
  const sending = sendingOn(tables, invoiceApi.api, {
    quota: { send: [], status: [], shared: [{ requests: 50, seconds: 1 }] },
    requestTimeoutMilliseconds: 1_000,
  });

  const { transitions } = await runSending(sending);

  const { states } = await sending.countPackages(wholeRun(testRun()));
  expect(states).toEqual({ held: 0, ready: 0, sending: 0, submitted: 0, processed: 120, rejected: 0, parked: 0 });
  const report = invoiceApi.simulator.report();
  expect(report.packages).toMatchObject({ total: 120, processed: 120 });
  expect({ violations: report.violations, acceptedTwice: report.acceptedTwice }).toEqual({
    violations: 0,
    acceptedTwice: 0,
  });
  expect(transitions).toBeLessThan(80);
});
