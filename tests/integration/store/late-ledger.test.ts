import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { lastEndedPeriod, type PeriodId } from '../../../lib/periods/periods.ts';
import { clientPartition } from '../../../lib/store/keys.ts';
import { LateLedger } from '../../../lib/store/late-ledger.ts';
import { type LatePage, latePageOf } from '../../../lib/store/slice-items.ts';
import type { LateEvent } from '../../../lib/usage/records.ts';
import { namedEvent } from '../../fixtures/consumption-events.ts';
import { createCounter, scan, UTC_CALENDAR } from '../../fixtures/counting.ts';
import { FaultyClient } from '../../fixtures/faulty-client.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const CLOSED_AT = Date.parse('2026-11-17T02:00:00Z');
const PERIOD: PeriodId = lastEndedPeriod(CLOSED_AT, UTC_CALENDAR).id;
const partition = clientPartition(PERIOD, 'ada');
const inRevision = (revision: number) => () => ({ part: 1, revision });

let tables: TestTables;
let ledger: LateLedger;
afterEach(() => tables.stop());
beforeEach(async () => {
  tables = await startTestTables();
  ledger = new LateLedger(tables);
});

/** Counts an event of ada's, by a function instance that has just started, when its period is closed. */
async function countLate(quantity: string, slice = 0): Promise<void> {
  const counter = createCounter(tables, {
    closings: { closedAt: async () => CLOSED_AT, closedAtNow: async () => CLOSED_AT },
    now: () => CLOSED_AT + 86_400_000,
  });
  const event = {
    ...namedEvent('/test', randomUUID()),
    clientId: 'ada',
    instant: Date.parse('2026-11-03T00:00:00Z') + slice * 300_000,
    meter: 'calls',
    quantity,
  };
  const { failures } = await counter.count([{ message: 0, event }]);
  expect(failures).toEqual([]);
}

/** The pages as a run reads them. */
async function pages(): Promise<LatePage[]> {
  return (await scan(tables.client, tables.usageSlices)).filter(({ late }) => late).map(latePageOf);
}

async function lines(): Promise<string[]> {
  const found: string[] = [];
  for await (const { quantity, billed } of ledger.lines(PERIOD)) {
    found.push(`${quantity} ${billed ? `r${billed.revision}` : 'open'}`);
  }
  return found.sort();
}

const openEvents = async () => (await ledger.notYetBilled(PERIOD)).events;
const listed = async () => (await pages()).filter(({ isListed }) => isListed).length;

/** A ledger that reaches the tables through a client at whose requests something happens. */
function ledgerWith(next: () => { fault: 'crash before' | 'crash after' | 'repeated' | undefined; delay: number }) {
  const faulty = new FaultyClient(tables.endpoint);
  faulty.restart({ next });
  return new LateLedger({ ...tables, client: faulty.client });
}

describe('a page of which all late events are billed', () => {
  test('leaves the index of late usage, and the ledger lists them on', async () => {
    await countLate('1');
    await countLate('2');
    expect([await listed(), await openEvents()]).toEqual([1, 2]);

    await ledger.record(partition, 'ada', await pages(), inRevision(2));

    expect([await listed(), await openEvents()]).toEqual([0, 0]);
    expect(await lines()).toEqual(['1 r2', '2 r2']);
  });

  test('is listed again by the next late event, which alone is open', async () => {
    await countLate('1');
    await ledger.record(partition, 'ada', await pages(), inRevision(2));

    await countLate('4');

    expect([await listed(), await openEvents()]).toEqual([1, 1]);
    expect(await lines()).toEqual(['1 r2', '4 open']);
    await ledger.record(partition, 'ada', await pages(), inRevision(3));
    expect(await lines()).toEqual(['1 r2', '4 r3']);
    expect(await listed()).toBe(0);
  });

  test('changes no more when it is recorded again', async () => {
    await countLate('1');
    await ledger.record(partition, 'ada', await pages(), inRevision(2));
    const before = await scan(tables.client, tables.packages);

    await ledger.record(partition, 'ada', await pages(), inRevision(3));

    expect(await scan(tables.client, tables.packages)).toEqual(before);
  });
});

test('a page stays listed while one of its late events waits', async () => {
  await countLate('1');
  await countLate('2');
  const billingOf = ({ quantity }: LateEvent) => (quantity === '1' ? { part: 1, revision: 2 } : undefined);
  await ledger.record(partition, 'ada', await pages(), billingOf);
  expect([await listed(), await openEvents()]).toEqual([1, 1]);
  expect(await lines()).toEqual(['1 r2', '2 open']);
});

test('a late event that is counted between reading and recording keeps its page listed', async () => {
  await countLate('1');
  const read = await pages();
  await countLate('2');

  await ledger.record(partition, 'ada', read, inRevision(2));

  expect(await lines()).toEqual(['1 r2', '2 open']);
  expect([await listed(), await openEvents()]).toEqual([1, 1]);
});

test('a late event that is counted between recording and leaving the index keeps its page listed', async () => {
  await countLate('1');
  const read = await pages();
  const faulty = new FaultyClient(tables.endpoint);
  // The first to write comes in between: the index is left by the only update there is.
  faulty.client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'UpdateItemCommand') await countLate('2');
        return next(args);
      },
    { step: 'initialize' },
  );

  await new LateLedger({ ...tables, client: faulty.client }).record(partition, 'ada', read, inRevision(2));

  expect(await lines()).toEqual(['1 r2', '2 open']);
  expect([await listed(), await openEvents()]).toEqual([1, 1]);
});

describe('a worker that dies between recording and leaving the index', () => {
  test('leaves nothing open, and the next run takes the page out', async () => {
    await countLate('1');
    let requests = 0;
    // Reads the ledger, records, and is gone.
    const dying = ledgerWith(() => ({ fault: ++requests === 2 ? 'crash after' : undefined, delay: 0 }));
    await expect(dying.record(partition, 'ada', await pages(), inRevision(2))).rejects.toThrow();

    expect([await listed(), await openEvents()]).toEqual([1, 0]);
    expect(await lines()).toEqual(['1 r2']);

    await ledger.record(partition, 'ada', await pages(), inRevision(3));
    expect([await listed(), await openEvents()]).toEqual([0, 0]);
    expect(await lines()).toEqual(['1 r2']);
  });

  test('or before recording, leaves the event open', async () => {
    await countLate('1');
    let requests = 0;
    const dying = ledgerWith(() => ({ fault: ++requests === 2 ? 'crash before' : undefined, delay: 0 }));
    await expect(dying.record(partition, 'ada', await pages(), inRevision(2))).rejects.toThrow();
    expect(await lines()).toEqual(['1 open']);
    expect([await listed(), await openEvents()]).toEqual([1, 1]);
  });
});

test('an answer that is lost, with the request sent again, records once', async () => {
  await countLate('1');
  const repeating = ledgerWith(() => ({ fault: 'repeated', delay: 0 }));
  await repeating.record(partition, 'ada', await pages(), inRevision(2));
  expect(await lines()).toEqual(['1 r2']);
  expect(await listed()).toBe(0);
});

test('a worker that outlives its run takes nothing out of the ledger', async () => {
  await countLate('1');
  const readByFirst = await pages();
  const first = new FaultyClient(tables.endpoint);
  let isFirst = true;
  first.client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === 'PutItemCommand' && isFirst) {
          isFirst = false;
          await countLate('2');
          await ledger.record(partition, 'ada', await pages(), inRevision(3));
        }
        return next(args);
      },
    { step: 'initialize' },
  );

  await new LateLedger({ ...tables, client: first.client }).record(partition, 'ada', readByFirst, inRevision(2));

  expect(isFirst).toBe(false);
  expect(await lines()).toEqual(['1 r3', '2 r3']);
  expect(await openEvents()).toBe(0);
});

test('a run that records while the ledger is listed loses no line of it and tells none twice', async () => {
  for (let slice = 0; slice < 5; slice++) await countLate(String(slice), slice);
  const found: string[] = [];
  for await (const { quantity } of ledger.lines(PERIOD)) {
    // The first line is told when all that is open has been read.
    if (found.length === 0) await ledger.record(partition, 'ada', await pages(), inRevision(2));
    found.push(quantity);
  }
  expect(found.sort()).toEqual(['0', '1', '2', '3', '4']);
});

test('reading what is open costs requests by the hundred pages that are listed, and none for what is billed', async () => {
  for (let slice = 0; slice < 130; slice++) await countLate('1', slice);
  const requests: string[] = [];
  const counting = new FaultyClient(tables.endpoint);
  counting.client.middlewareStack.add(
    (next, { commandName = '' }) =>
      (args) => {
        requests.push(commandName);
        return next(args);
      },
    { step: 'initialize' },
  );
  const measured = new LateLedger({ ...tables, client: counting.client });
  expect(await measured.notYetBilled(PERIOD)).toEqual({ events: 130, totals: { calls: '130' } });
  expect(requests).toEqual(['QueryCommand', 'BatchGetItemCommand', 'BatchGetItemCommand']);

  await ledger.record(partition, 'ada', await pages(), inRevision(2));

  requests.length = 0;
  expect(await measured.notYetBilled(PERIOD)).toEqual({ events: 0, totals: {} });
  expect(requests).toEqual(['QueryCommand']);
});

test('what is not read in time is not said to be all', async () => {
  await countLate('1');
  expect(await ledger.notYetBilled(PERIOD, () => true)).toEqual({ events: 0, totals: {}, isPartial: true });
});

test('what is open of one client is found without that of others', async () => {
  await countLate('1');
  const found: string[] = [];
  for await (const { clientId, quantity } of ledger.open(PERIOD, 'ada')) found.push(`${clientId} ${quantity}`);
  expect(found).toEqual(['ada 1']);
  for await (const line of ledger.open(PERIOD, 'ad')) throw new Error(`not ad's: ${line.identity}`);
});
