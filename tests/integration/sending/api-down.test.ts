import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterEach, expect, test } from '@jest/globals';
import { type TurnState, takeTurn } from '../../../lib/sending/take-turn.ts';
import { quotaCalendarKey } from '../../../lib/store/keys.ts';
import { startTestInvoiceApi, TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { makePackage, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

/** A lone package at an API that is down, on a clock that everybody's waits put forward. */
async function loneAtDownApi(): Promise<{ tables: TestTables; sending: TestSending; passUntil(moment: number): void }> {
  const tables = await startTestTables();
  const invoiceApi = await startTestInvoiceApi({ profile: 'perfect', faults: { serverError: 1 } });
  started.push(invoiceApi, tables);
  await makePackage(tables, 'acme');
  let now = Date.now();
  const passUntil = (moment: number): void => {
    now = Math.max(now, moment);
  };
  const clock = { now: () => now, sleep: async (milliseconds: number) => passUntil(now + milliseconds) };
  return { tables, sending: sendingOn(tables, invoiceApi.api, {}, { clock }), passUntil };
}

test('an API that is down for minutes does not use up the attempts of a lone package', async () => {
  const { sending, passUntil } = await loneAtDownApi();
  const began = sending.clock.now();
  let state: TurnState = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  const blocks = new Set<number>();

  while (!state.done && sending.clock.now() < began + 180_000) {
    state = await takeTurn(state, sending);
    blocks.add((await sending.calendar.load()).blockedUntil);
    passUntil(Date.parse(state.booking.startsAt));
  }

  const head = await sending.packages.loadHead(TEST_PERIOD, 'acme', 1);
  expect(head).toMatchObject({ state: 'ready', attemptCount: 0 });
  // None, then three.
  expect(blocks.size).toBe(4);
});

test('a calendar of the release before, which did not count failures over turns, goes on', async () => {
  const { tables, sending } = await loneAtDownApi();
  await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  expect(await sending.calendar.load()).toMatchObject({ failuresInARow: 4 });

  await tables.documents.send(
    new UpdateCommand({
      TableName: tables.runs,
      Key: quotaCalendarKey('invoice-api'),
      UpdateExpression: 'REMOVE calendar.failuresInARow',
    }),
  );

  expect(await sending.calendar.load()).toMatchObject({ failuresInARow: 0 });
});
