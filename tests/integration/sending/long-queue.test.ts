import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { SubmitRequest } from '../../../lib/invoice-api/invoice-api.ts';
import { held } from '../../../lib/packages/head-changes.ts';
import type { PackageHead } from '../../../lib/packages/package.ts';
import { type TurnState, takeTurn } from '../../../lib/sending/take-turn.ts';
import { startTestInvoiceApi, TEST_PERIOD, type TestInvoiceApi } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const PACKAGES = 14;
/** So much faster than ours does the clock of sending run. */
const TIME_SCALE = 50;

let tables: TestTables;
let invoiceApi: TestInvoiceApi;
let clients: string[];
beforeEach(async () => {
  tables = await startTestTables();
  invoiceApi = await startTestInvoiceApi({ profile: 'perfect' });
  clients = await makePackages(tables, PACKAGES);
});
afterEach(async () => {
  await invoiceApi.stop();
  await tables.stop();
});

/**
 * Sending one package in ten seconds, with more in line than go out within a lease of 100 s.
 * @param beforeSubmit called right before each request
 */
function sendingSlowly(beforeSubmit: (request: SubmitRequest, sending: TestSending) => Promise<void>): TestSending {
  const began = Date.now();
  const clock = {
    now: () => began + (Date.now() - began) * TIME_SCALE,
    sleep: async (milliseconds: number) => {
      await sleep(Math.max(0, milliseconds) / TIME_SCALE);
    },
  };
  const quota = { send: [{ requests: 1, seconds: 10 }], status: [], shared: [] };
  const sending = sendingOn(tables, invoiceApi.api, { quota, requestTimeoutMilliseconds: 20_000 }, { clock });
  sending.api = {
    ...invoiceApi.api,
    submit: async (request, options) => {
      await beforeSubmit(request, sending);
      return invoiceApi.api.submit(request, options);
    },
  };
  return sending;
}

async function sendAll(sending: TestSending): Promise<TurnState> {
  let state = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  // What somebody else has for a hundred hours is not waited for.
  for (let wait = waitOf(state); !state.done && wait < 600_000; wait = waitOf(state)) {
    await sending.clock.sleep(wait);
    state = await takeTurn(state, sending);
  }
  return state;

  function waitOf({ booking }: TurnState): number {
    return Date.parse(booking.startsAt) - sending.clock.now();
  }
}

const headsOf = async ({ packages }: TestSending): Promise<PackageHead[]> => {
  const heads = await Promise.all(clients.map((clientId) => packages.loadHead(TEST_PERIOD, clientId, 1)));
  return heads.filter((head) => head !== undefined);
};

// Bodies are what packaging wrote.
const packageIdOf = ({ body }: SubmitRequest): string => (JSON.parse(body) as { packageId: string }).packageId;

test('a package that waited in line for longer than its lease is leased again before its request', async () => {
  const leftOfLeases: number[] = [];
  const sending = sendingSlowly(async (request, { clock }) => {
    const heads = await headsOf(sending);
    const { leaseUntil = 0 } = heads.find(({ packageId }) => packageId === packageIdOf(request)) ?? {};
    leftOfLeases.push(leaseUntil - clock.now());
  });

  const sent = await sendAll(sending);

  expect(sent).toMatchObject({ settled: PACKAGES });
  expect(leftOfLeases).toHaveLength(PACKAGES);
  expect(Math.min(...leftOfLeases)).toBeGreaterThan(0);
});

test('a package that somebody else has taken, as its lease had ended in line, is left to them', async () => {
  const submitted: string[] = [];
  let taken: PackageHead | undefined;
  const sending = sendingSlowly(async (request, { clock, transitions }) => {
    submitted.push(packageIdOf(request));
    if (submitted.length < 4) return;
    const inLine = (await headsOf(sending)).filter(({ leaseUntil = 0 }) => leaseUntil > clock.now());
    const last = inLine.findLast(({ packageId }) => !submitted.includes(packageId));
    if (last) taken ??= await transitions.apply(last, held(clock.now() + 360_000_000));
  });

  const sent = await sendAll(sending);

  expect(sent).toMatchObject({ settled: PACKAGES - 1 });
  expect(submitted).not.toContain(taken?.packageId);
  expect((await headsOf(sending)).filter(({ state }) => state === 'sending')).toEqual([taken]);
});
