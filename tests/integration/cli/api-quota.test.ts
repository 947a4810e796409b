import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type QuotaOptions, run as quotaCommand } from '../../../cli/commands/quota.ts';
import { run as reconcile } from '../../../cli/commands/reconcile.ts';
import type { Cloud } from '../../../cli/connection/cloud.ts';
import type { Context } from '../../../cli/connection/context.ts';
import { turnTaker } from '../../../cli/invoice-api/api-turns.ts';
import { listPeriod } from '../../../cli/invoice-api/period-listing.ts';
import { CHECKS } from '../../../cli/periods/health-checks.ts';
import { BillingCalendar } from '../../../lib/periods/days.ts';
import { closeTurn, EMPTY_CALENDAR, openTurn } from '../../../lib/quota/calendar.ts';
import type { Quota } from '../../../lib/quota/quota.ts';
import { inTurn } from '../../../lib/sending/turns.ts';
import { QuotaCalendarStore } from '../../../lib/store/quota-calendar-store.ts';
import { startTestInvoiceApi, TEST_PERIOD, type TestInvoiceApi, until } from '../../fixtures/invoice-api.ts';
import { sendingOn } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const NO_QUOTA: Quota = { send: [], status: [], shared: [] };

let tables: TestTables;
let invoiceApi: TestInvoiceApi | undefined;
let notes: string[];
beforeEach(async () => {
  tables = await startTestTables();
  notes = [];
});
afterEach(async () => {
  await invoiceApi?.stop();
  invoiceApi = undefined;
  await tables.stop();
});

const calendar = () => new QuotaCalendarStore(tables, 'invoice-api');

/** What the commands under test use of a cloud whose API they know to have a quota. */
function cloudWith({ api, simulator }: TestInvoiceApi, quota: Quota): Cloud {
  const { client: dynamodb, documents } = tables;
  return {
    target: { kind: 'local', name: 'test', region: 'eu-central-1' },
    dynamodb,
    documents,
    tables,
    outputs: { PackagesTableName: tables.packages, RunsTableName: tables.runs, InvoiceApiUrl: simulator.url },
    quota,
    calendar: new BillingCalendar('UTC', 5),
    // It speaks the contract.
    adapter: async () => undefined,
    invoiceApi: async () => ({ ...api, close: () => {} }),
  } as unknown as Cloud;
}

function reconcileOn(cloud: Cloud) {
  const output = {
    result: () => {},
    table: () => {},
    line: () => {},
    style: (_: string, text: string) => text,
    note: (text: string) => notes.push(text),
  };
  return reconcile({ cloud: async () => cloud, output } as unknown as Context, TEST_PERIOD);
}

test('reconcile beside a spent window waits for room and breaks no quota', async () => {
  const quota: Quota = { ...NO_QUOTA, shared: [{ requests: 3, seconds: 2 }] };
  const started = await startTestInvoiceApi({ quota: { shared: [{ requests: 3, seconds: 2 }] } });
  invoiceApi = started;
  await inTurn(
    sendingOn(tables, started.api, { quota }),
    { id: 'run-1/status/0-15', kind: 'status', requests: 3 },
    async ({ pacer }) => {
      for (let request = 0; request < 3; request++) {
        const departure = await pacer.next();
        if (typeof departure === 'string') throw new Error(departure);
        await started.api.statusOf([`${TEST_PERIOD}.acme`]);
        departure.answered();
      }
    },
  );

  const exitCode = await reconcileOn(cloudWith(started, quota));

  expect(exitCode).toBe(0);
  expect(started.simulator.report()).toMatchObject({ violations: 0, requests: { total: 4 } });
});

test('reconcile waits for the run whose turn it is, and says so', async () => {
  const started = await startTestInvoiceApi();
  invoiceApi = started;
  const moment = () => ({ quota: NO_QUOTA, now: Date.now(), clock: 'run' });
  const request = { id: 'run-1/send/0-15', kind: 'send', requests: 100 } as const;
  const limits = { longest: 60_000, requestTimeout: 1_000 };
  const opened = await calendar().change((current) => openTurn(current, request, moment(), limits));
  if (!('turn' in opened)) throw new Error('the turn was not opened');
  const { turn } = opened;

  const reconciled = reconcileOn(cloudWith(started, NO_QUOTA));
  await until(() => notes.length > 0);
  const requestsMeanwhile = started.simulator.report().requests.total;
  const report = { sent: [], answered: true, failuresInARow: 0 };
  await calendar().change((current) => ({ calendar: closeTurn(current, turn, report, moment()) }));

  expect(await reconciled).toBe(0);
  expect(notes).toEqual([expect.stringContaining('Waiting: run run-1 has its turn at the invoice API until')]);
  expect(requestsMeanwhile).toBe(0);
  expect(started.simulator.report().requests.total).toBe(1);
  expect((await calendar().load()).open).toBeUndefined();
});

test('what the API asks of reconcile, it asks of every run: to stay away is written down, and kept to', async () => {
  const started = await startTestInvoiceApi({ quota: { status: [{ requests: 1, seconds: 1 }] } });
  invoiceApi = started;
  await started.api.statusOf([`${TEST_PERIOD}.acme`]);

  const exitCode = await reconcileOn(cloudWith(started, NO_QUOTA));

  expect(exitCode).toBe(0);
  expect(started.simulator.report()).toMatchObject({ violations: 1, requests: { total: 3 } });
  expect((await calendar().load()).blockedUntil).toBeGreaterThan(0);
});

test('doctor does not ask an API that asked everybody to stay away, and keeps no room in the calendar', async () => {
  const started = await startTestInvoiceApi();
  invoiceApi = started;
  await calendar().change(() => ({ calendar: { ...EMPTY_CALENDAR, blockedUntil: Date.now() + 600_000 } }));

  const health = await CHECKS['invoice API']?.(cloudWith(started, NO_QUOTA));

  expect(health).toMatchObject({
    state: 'warning',
    words: expect.stringContaining('not asked: the invoice API asked everybody to stay away until'),
  });
  expect(started.simulator.report().requests.total).toBe(0);
  expect((await calendar().load()).booked).toEqual([]);
});

describe('quota --unblock', () => {
  const DAYS = 6 * 86_400_000;
  const CALLER = { knownBy: 'local user', name: 'ada' };
  const SAID = 'HTTP 429, Retry-After: 518400: Come back next week';

  /** The command on a calendar that is blocked for days, with a person who answers as told. */
  async function unblock(options: QuotaOptions, answer: boolean) {
    const blockedUntil = Date.now() + DAYS;
    await calendar().change(() => ({
      calendar: { ...EMPTY_CALENDAR, blockedUntil, blockedBy: SAID, blocksInARow: 3 },
    }));
    const asked: string[] = [];
    const context = {
      cloud: async () => ({
        tables,
        quota: NO_QUOTA,
        target: { kind: 'local', name: 'test', region: 'eu-central-1' },
        intervene: async () => CALLER,
      }),
      output: { result: () => {}, line: (text: string) => notes.push(text), style: (_: string, text: string) => text },
      confirm: async (question: string) => {
        asked.push(question);
        return answer;
      },
    } as unknown as Context;
    const exitCode = await quotaCommand(context, options);
    return { exitCode, asked, left: await calendar().load() };
  }

  test('says who asked everybody to stay away, asks, lifts it and keeps the reason', async () => {
    const { exitCode, asked, left } = await unblock({ unblock: true, reason: ' it was a mistake ' }, true);
    expect(exitCode).toBe(0);
    expect(asked).toEqual([expect.stringContaining(SAID)]);
    expect(left).toMatchObject({
      blockedUntil: 0,
      blocksInARow: 0,
      lifted: { reason: 'it was a mistake', blockedBy: SAID, by: CALLER, at: expect.any(Number) },
    });
  });

  test('changes nothing when the person says no', async () => {
    const { exitCode, left } = await unblock({ unblock: true, reason: 'perhaps' }, false);
    expect(exitCode).not.toBe(0);
    expect(left).toMatchObject({ blockedBy: SAID, blocksInARow: 3 });
  });

  test('needs a reason; the picture tells who said it and how to lift it', async () => {
    await expect(unblock({ unblock: true }, true)).rejects.toThrow('--reason');
    await unblock({}, true);
    expect(notes.join('\n')).toContain(SAID);
    expect(notes.join('\n')).toContain('npx halfmonth quota --unblock');
  });
});

test.each([120_000, -120_000])('a machine whose clock is %d ms off books by the clock of DynamoDB', async (ahead) => {
  const own = { now: () => Date.now() + ahead, sleep: async () => {} };
  const { clock } = await turnTaker({ tables, quota: NO_QUOTA }, own);
  expect(Math.abs(clock.now() - Date.now())).toBeLessThan(2_000);
});

test('a machine whose clock is right keeps its own', async () => {
  const own = { now: () => Date.now() + 300, sleep: async () => {} };
  expect((await turnTaker({ tables, quota: NO_QUOTA }, own)).clock).toBe(own);
});

test.each([
  ['in a circle', () => 'a', 'leads in a circle'],
  ['from one to the other and back', (asked: number) => (asked % 2 ? 'a' : 'b'), 'leads in a circle'],
])('a listing that leads %s ends, with the reason', async (_what, cursorOf, reason) => {
  let asked = 0;
  const api = {
    listPeriod: async () => {
      asked += 1;
      return {
        kind: 'listed' as const,
        exchange: { latencyMilliseconds: 1 },
        packages: [],
        nextCursor: cursorOf(asked),
      };
    },
  };
  const taker = { ...(await turnTaker({ tables, quota: NO_QUOTA })), api };
  await expect(listPeriod(taker, TEST_PERIOD, 'listing/1')).rejects.toThrow(reason);
  expect(asked).toBeLessThan(5);
});

test('doctor asks where there is room, and the calendar knows of its request', async () => {
  const started = await startTestInvoiceApi();
  invoiceApi = started;

  const health = await CHECKS['invoice API']?.(
    cloudWith(started, { ...NO_QUOTA, status: [{ requests: 5, seconds: 600 }] }),
  );

  expect(health).toMatchObject({ state: 'good' });
  expect((await calendar().load()).past).toMatchObject([{ kind: 'status', count: 1 }]);
});
