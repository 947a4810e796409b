import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { EMPTY_CALENDAR } from '../../../lib/quota/calendar.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { startTestInvoiceApi, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
let invoiceApi: TestInvoiceApi;
beforeAll(async () => {
  tables = await startTestTables();
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
});
afterAll(async () => {
  await invoiceApi.stop();
  await tables.stop();
});

test("one who finds another's turn comes again after now, so that the state machine does not go round without a pause", async () => {
  await makePackages(tables, 3);
  const now = Date.parse('2026-11-16T02:00:00.400Z');
  const clock = { now: () => now, sleep: async () => {} };
  const sending = sendingOn(tables, invoiceApi.api, {}, { clock });
  const open = { id: 'other', kind: 'send', requests: 1, clock: 'other', openedAt: now } as const;
  await sending.calendar.change(() => ({
    calendar: { ...EMPTY_CALENDAR, open: { ...open, until: now + 200, expiresAt: now + 2_000 } },
  }));

  const answer = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(answer).toMatchObject({ done: false, turns: 1 });
  expect(Date.parse(answer.booking.startsAt)).toBeGreaterThan(now);
  expect(Date.parse(answer.booking.startsAt)).toBeLessThan(now + 2_000);
  expect(invoiceApi.simulator.report().requests.total).toBe(0);
});
