import { QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compare, normalize, sum } from '../../lib/decimal/decimal.ts';
import type { ConsumptionEvent } from '../../lib/events/consumption-event.ts';
import { hexOfIdentity, identityOf } from '../../lib/events/identity.ts';
import type { MeterKind } from '../../lib/meters/measure.ts';
import { lastEndedPeriod, type PeriodId, periodIdOfDay } from '../../lib/periods/periods.ts';
import { ControlTotalStore, readControlTotal } from '../../lib/store/control-total-store.ts';
import { clientPartition, periodKey } from '../../lib/store/keys.ts';
import { type ControlTotal, holdAgainstControl } from '../../lib/usage/control-total.ts';
import type { UsageCounter } from '../../lib/usage/usage-counter.ts';
import { createCounter, UTC_CALENDAR } from '../fixtures/counting.ts';
import { FAULTS, type Fault, FaultyClient } from '../fixtures/faulty-client.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

const HISTORIES = 500;
const WORKERS = 3;
const MINUTE = 60_000;

let tables: TestTables;
let workers: FaultyClient[];

beforeAll(async () => {
  tables = await startTestTables();
  workers = Array.from({ length: WORKERS }, () => new FaultyClient(tables.endpoint));
});

afterAll(async () => {
  for (const { client } of workers) client.destroy();
  await tables.stop();
});

/** An event before it has a client of its own history. */
interface PlannedEvent {
  client: number;
  /** In the period that ended last, or today. */
  hasEnded: boolean;
  slice: number;
  meter: number;
  quantity: string;
}

/** One delivery of some events, to one worker. */
interface Delivery {
  worker: number;
  events: number[];
}

interface History {
  events: PlannedEvent[];
  /** The deliveries of a round run at the same time; a round begins when the one before it is over. */
  rounds: Delivery[][];
  /** What happens to the requests, in turn; requests beyond the end come through. */
  faults: { fault: Fault | undefined; delay: number }[];
  /** The round during which the ended period is closed and packaged. */
  closing: number;
}

const decimal = fc
  .tuple(fc.bigInt({ min: -(10n ** 30n) + 1n, max: 10n ** 30n - 1n }), fc.boolean())
  .map(([units, isShort]) => (isShort ? units / 10n ** 24n : units))
  .map((units) => {
    const digits = (units < 0n ? -units : units).toString().padStart(13, '0');
    return `${units < 0n ? '-' : ''}${digits.slice(0, -12)}.${digits.slice(-12)}`;
  });

const history: fc.Arbitrary<History> = fc.integer({ min: 1, max: 40 }).chain((size) =>
  fc.record({
    events: fc.array(
      fc.record({
        client: fc.constantFrom(0, 0, 0, 1),
        hasEnded: fc.boolean(),
        slice: fc.constantFrom(0, 0, 0, 0, 1),
        meter: fc.nat({ max: 29 }),
        quantity: decimal,
      }),
      { minLength: size, maxLength: size },
    ),
    rounds: fc.array(
      fc.array(
        fc.record({
          worker: fc.nat({ max: WORKERS - 1 }),
          events: fc.array(fc.nat({ max: size - 1 }), { minLength: 1, maxLength: 25 }),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      { minLength: 1, maxLength: 5 },
    ),
    faults: fc.array(
      fc.record({
        fault: fc.oneof(
          { weight: 3, arbitrary: fc.constant(undefined) },
          { weight: 1, arbitrary: fc.constantFrom(...FAULTS) },
        ),
        delay: fc.nat({ max: 4 }),
      }),
      { maxLength: 60 },
    ),
    closing: fc.nat({ max: 8 }),
  }),
);

const seen = { sealed: 0, deep: 0, conflicts: 0, failed: 0, crashes: 0, late: 0, controlled: 0, unsure: 0 };
let historiesPlayed = 0;

test(`whatever happens, totals are what distinct events come to by the kind of their meter, in ${HISTORIES} histories`, async () => {
  await fc.assert(
    fc.asyncProperty(history, async (given) => {
      historiesPlayed += 1;
      await new Play(given, historiesPlayed).run();
    }),
    // On failure the report names seed and path; the limit ends the search for a smaller example before the test times
    // out.
    { numRuns: HISTORIES, interruptAfterTimeLimit: 480_000, markInterruptAsFailure: true },
  );

  // The histories did go through what they are about.
  expect(seen.sealed).toBeGreaterThan(50);
  expect(seen.conflicts).toBeGreaterThan(200);
  expect(seen.failed).toBeGreaterThan(200);
  expect(seen.crashes).toBeGreaterThan(100);
  expect(seen.late).toBeGreaterThan(100);
  expect(seen.deep).toBeGreaterThan(50);
  // Most of what is counted is controlled to the digit.
  expect(seen.controlled).toBeGreaterThan(1_000);
  expect(seen.unsure).toBeGreaterThan(100);
}, 540_000);

/** One history, with clients and a period state of its own. */
class Play {
  readonly #history: History;
  readonly #events: ConsumptionEvent[];
  readonly #period: PeriodId;
  readonly #counters = new Map<number, UsageCounter>();
  /** What the run that closed the period found in the slices; undefined while none has. */
  #packaged: Set<string> | undefined;
  readonly #number: number;
  #faultsUsed = 0;

  constructor(given: History, number: number) {
    this.#number = number;
    this.#history = given;
    const now = Date.now();
    const ended = lastEndedPeriod(now, UTC_CALENDAR);
    this.#period = ended.id;
    const dayOf = (hasEnded: boolean) => UTC_CALENDAR.startOfDay(hasEnded ? ended.to : UTC_CALENDAR.dayOf(now));
    this.#events = given.events.map(({ client, hasEnded, slice, meter, quantity }, index) => ({
      identity: identityOf(`history-${number}`, String(index)),
      origin: { source: `history-${number}`, id: String(index) },
      clientId: `history-${number}-client-${client}`,
      instant: dayOf(hasEnded) + slice * 5 * MINUTE,
      // Long names fill pages, so that small histories seal some.
      meter: `${'a-meter-with-a-long-name-'.repeat(2)}${meter}`,
      ...asCounted(quantity, KINDS[meter % KINDS.length]),
    }));
  }

  async run(): Promise<void> {
    await this.#setClosed(undefined);
    const again: Delivery[] = [];
    for (const [number, round] of this.#history.rounds.entries()) {
      const closing = number === this.#history.closing ? this.#closeAndPackage() : undefined;
      // One function instance works on one batch at a time.
      const byWorker = Map.groupBy(round, ({ worker }) => worker);
      await Promise.all(
        [...byWorker.values()].map(async (deliveries) => {
          for (const delivery of deliveries) again.push(...(await this.#deliver(delivery, true)));
        }),
      );
      await closing;
    }
    // The queue delivers again what failed, and by then nothing fails.
    for (const delivery of again) expect(await this.#deliver(delivery, false)).toEqual([]);
    await this.#check();
  }

  /** Answers what of the delivery has to come again. */
  async #deliver({ worker, events }: Delivery, withFaults: boolean): Promise<Delivery[]> {
    const process = workers[worker];
    if (!process) throw new RangeError('no such worker');
    process.restart(withFaults ? { next: () => this.#nextFault() } : undefined);
    let counter = this.#counters.get(worker);
    if (!counter) {
      const store = new ControlTotalStore({ ...tables, client: process.client });
      const control = { put: (period: PeriodId, total: ControlTotal) => store.put(this.#ownOf(period), total) };
      counter = createCounter({ ...tables, client: process.client }, { control });
      this.#counters.set(worker, counter);
    }
    const delivered = events.flatMap((index, message) => {
      const event = this.#events[index];
      return event ? [{ event, message }] : [];
    });
    const { failedMessages, conflicts } = await counter.count(delivered);
    seen.conflicts += conflicts;
    if (process.hasCrashed) {
      seen.crashes += 1;
      this.#counters.delete(worker);
      return [{ worker, events }];
    }
    seen.failed += failedMessages.size;
    const failed = events.filter((_, message) => failedMessages.has(message));
    return failed.length > 0 ? [{ worker, events: failed }] : [];
  }

  #nextFault() {
    const planned = this.#history.faults[this.#faultsUsed];
    this.#faultsUsed += 1;
    return planned ?? { fault: undefined, delay: 0 };
  }

  /** As a run does: first the period is closed, then its slices are read. */
  async #closeAndPackage(): Promise<void> {
    await this.#setClosed(new Date().toISOString());
    const slices = await this.#readSlices();
    this.#packaged = new Set(slices.flatMap(({ period, identities }) => (period === this.#period ? identities : [])));
  }

  async #setClosed(at: string | undefined): Promise<void> {
    const { pk, sk } = periodKey(this.#period, 'state');
    await tables.client.send(
      new UpdateItemCommand({
        TableName: tables.runs,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: at ? 'SET closedAt = :at' : 'REMOVE closedAt',
        ...(at ? { ExpressionAttributeValues: { ':at': { S: at } } } : {}),
      }),
    );
  }

  async #check(): Promise<void> {
    const delivered = new Set(this.#history.rounds.flat().flatMap(({ events }) => events));
    const expected = this.#events.filter((_, index) => delivered.has(index));
    const slices = await this.#readSlices();
    const counted = slices.flatMap(({ identities }) => identities);
    seen.sealed += slices.filter(({ isSealed }) => isSealed).length;
    seen.deep += slices.filter(({ isShort }) => isShort).length;

    expect(counted.sort()).toEqual(expected.map(({ identity }) => hexOfIdentity(identity)).sort());
    expect(totalsOf(slices.flatMap(({ totals }) => totals))).toEqual(totalsOf(expected.map(amountOf)));
    for (const { events, identities } of slices) expect(events).toBe(identities.length);
    this.#checkBooks(slices);
    for (const period of this.#periods) await this.#checkControlTotal(period, slices);
    await this.#checkDailyRecords(expected);
  }

  /** Once the period is closed, what is not in its package is listed as late, in the right period and once. */
  #checkBooks(slices: readonly StoredSlice[]): void {
    const late = slices.flatMap((slice) => slice.late);
    seen.late += late.length;
    expect(new Set(late).size).toBe(late.length);
    for (const slice of slices) {
      if (slice.late.length > 0) expect([slice.latePeriod, slice.period]).toEqual([this.#period, this.#period]);
      expect(slice.identities).toEqual(expect.arrayContaining(slice.late));
      if (!this.#packaged || slice.period !== this.#period) continue;
      const missing = slice.identities.filter((identity) => !this.#packaged?.has(identity));
      expect(slice.late).toEqual(expect.arrayContaining(missing));
    }
    if (!this.#packaged) expect(late).toEqual([]);
  }

  /** What ingestion counted, and by how much it may be wrong, is told apart from the tables. */
  async #checkControlTotal(period: PeriodId, slices: readonly StoredSlice[]): Promise<void> {
    const control = await readControlTotal(tables, this.#ownOf(period));
    const members = slices.filter((slice) => slice.period === period);
    const byMeter = Map.groupBy(
      members.flatMap(({ totals }) => totals),
      ({ meter }) => meter,
    );
    const totals = [...byMeter].map(([meter, amounts]) => [
      meter,
      Object.values(totalsOf(amounts.map(ofOneClient)))[0],
    ]);
    const actual = {
      events: members.reduce((events, slice) => events + slice.events, 0),
      totals: Object.fromEntries(totals),
    };
    expect(holdAgainstControl(control, control, actual)).toEqual({ events: undefined, groups: [] });
    seen.controlled += control.events;
    seen.unsure += control.unsureEvents;
  }

  /**
   * Control totals are of a whole period; histories share two of them, so each keeps its totals under a name of its
   * own.
   */
  #ownOf(period: PeriodId): PeriodId {
    return `${period}-history-${this.#number}`;
  }

  get #periods(): PeriodId[] {
    return [this.#period, periodIdOfDay(UTC_CALENDAR.dayOf(Date.now()))];
  }

  async #checkDailyRecords(expected: readonly ConsumptionEvent[]): Promise<void> {
    const days = new Map(expected.map((event) => [`${event.clientId}#${UTC_CALENDAR.dayOf(event.instant)}`, event]));
    for (const { clientId, instant } of days.values()) {
      const day = UTC_CALENDAR.dayOf(instant);
      const { Items = [] } = await tables.client.send(
        new QueryCommand({
          TableName: tables.dailyRecords,
          KeyConditionExpression: 'pk = :pk AND sk = :sk',
          ExpressionAttributeValues: {
            ':pk': { S: clientPartition(periodIdOfDay(day), clientId) },
            ':sk': { S: `${clientId}#${day}` },
          },
        }),
      );
      expect(Items).toMatchObject([{ clientId: { S: clientId }, day: { S: day } }]);
    }
  }

  async #readSlices(): Promise<StoredSlice[]> {
    const days = new Map(
      this.#events.map(({ clientId, instant }) => [`${clientId}#${UTC_CALENDAR.dayOf(instant)}`, clientId]),
    );
    const slices: StoredSlice[] = [];
    for (const [prefix, clientId] of days) {
      const period = periodIdOfDay(prefix.slice(clientId.length + 1));
      const { Items = [] } = await tables.client.send(
        new QueryCommand({
          TableName: tables.usageSlices,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
          ExpressionAttributeValues: {
            ':pk': { S: clientPartition(period, clientId) },
            ':prefix': { S: `${prefix}#` },
          },
        }),
      );
      for (const item of Items) {
        slices.push({
          period,
          isShort: /#\d{4}#\d{5}$/.test(item.sk?.S ?? ''),
          identities: (item.identities?.BS ?? []).map((bytes) => Buffer.from(bytes).toString('hex')),
          events: Number(item.events?.N),
          isSealed: item.sealed?.BOOL === true,
          totals: Object.entries({ ...item.totals?.M, ...item.latestValues?.M }).map(([meter, { N, S = '' }]) => ({
            clientId,
            meter,
            quantity: N ?? S,
          })),
          late: (item.late?.L ?? []).map(({ M }) => M?.identity?.S ?? ''),
          latePeriod: item.latePeriod?.S,
        });
      }
    }
    return slices;
  }
}

/** A page of a slice as the table holds it. */
interface StoredSlice {
  period: PeriodId;
  isShort: boolean;
  identities: string[];
  events: number;
  isSealed: boolean;
  totals: { clientId: string; meter: string; quantity: string }[];
  late: string[];
  latePeriod: string | undefined;
}

/** Control totals know no clients. */
function ofOneClient<Amount extends { clientId: string }>(amount: Amount): Amount {
  return { ...amount, clientId: '' };
}

/** By the number of the meter. */
const KINDS: readonly (MeterKind | undefined)[] = [undefined, 'count', undefined, 'maximum', undefined, 'latest'];

/** As the rules of a meter of this kind hand an event over. */
function asCounted(quantity: string, kind: MeterKind | undefined): Pick<ConsumptionEvent, 'quantity' | 'kind'> {
  if (kind === undefined) return { quantity };
  return { kind, quantity: kind === 'count' ? '1' : normalize(quantity) };
}

/** What an event should come to by itself, as the table would say it. */
function amountOf({ clientId, meter, kind, quantity, instant, identity }: ConsumptionEvent) {
  const isLatest = kind === 'latest';
  const value = isLatest ? `${new Date(instant).toISOString()} ${hexOfIdentity(identity)} ${quantity}` : quantity;
  return { clientId, meter: kind === undefined ? meter : `${meter}#${kind}`, quantity: value };
}

/** Amounts put together, each by its kind. */
function totalsOf(amounts: { clientId: string; meter: string; quantity: string }[]): Record<string, string> {
  const groups = Map.groupBy(amounts, ({ clientId, meter }) => `${clientId} ${meter}`);
  return Object.fromEntries(
    [...groups].map(([name, members]) => {
      const quantities = members.map(({ quantity }) => quantity);
      if (name.endsWith('#maximum')) return [name, quantities.sort(compare).at(-1) ?? ''];
      if (name.endsWith('#latest')) return [name, quantities.sort().at(-1) ?? ''];
      return [name, sum(quantities)];
    }),
  );
}
