import { afterEach, expect, test } from '@jest/globals';
import { InvoiceApiRefusedCredentials } from '../../../lib/sending/errors.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { startTestInvoiceApi, TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { makePackage, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables } from '../../fixtures/tables.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

test('credentials that were refused stop the run and stand in the history, also when the quota has no room to try again', async () => {
  const tables = await startTestTables();
  const invoiceApi = await startTestInvoiceApi({ profile: 'perfect', token: 'another' });
  started.push(invoiceApi, tables);
  await makePackage(tables, 'acme');
  const quota = { send: [{ requests: 1, seconds: 3600 }], status: [], shared: [] };
  const sending = sendingOn(tables, invoiceApi.api, { quota });

  const refused = takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  await expect(refused).rejects.toThrow(InvoiceApiRefusedCredentials);
  expect(await sending.packages.loadHead(TEST_PERIOD, 'acme', 1)).toMatchObject({
    state: 'ready',
    everSent: true,
    attemptCount: 0,
    attempts: [{ action: 'send', outcome: 'credentials-refused', httpStatus: 401 }],
  });
  expect(invoiceApi.simulator.report().requests.total).toBe(1);
});

test('a package whose request could not be made, for want of a token, is as if nobody had tried', async () => {
  const tables = await startTestTables();
  const noToken = async (): Promise<string> => {
    throw new Error('Parameter Store does not answer');
  };
  const invoiceApi = await startTestInvoiceApi({ profile: 'perfect' }, { token: noToken });
  started.push(invoiceApi, tables);
  await makePackage(tables, 'acme');
  const sending = sendingOn(tables, invoiceApi.api);

  await expect(takeTurn({ run: testRun(), chunk: '0-15' }, sending)).rejects.toThrow('Parameter Store');

  expect(await sending.packages.loadHead(TEST_PERIOD, 'acme', 1)).toMatchObject({
    state: 'ready',
    everSent: false,
    attemptCount: 0,
    attempts: [],
  });
});
