import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { AccountUnbalanced } from '../../lib/certificate/balance.ts';
import { add, normalize } from '../../lib/decimal/decimal.ts';
import { bodyOf, type PackageDocument } from '../../lib/packages/document.ts';
import { idempotencyKeyOf, type PackageHead } from '../../lib/packages/package.ts';
import { daysOfPeriod, endOfPeriod, nextPeriod, type Period, periodOf } from '../../lib/periods/periods.ts';
import type { RunContext } from '../../lib/runs/run.ts';
import { ensureFoundation } from '../../lib/store/foundation-store.ts';
import { lateEventsOf } from '../../lib/store/slice-items.ts';
import { scan } from '../fixtures/counting.ts';
import { FAULTS, type Fault, FaultyClient } from '../fixtures/faulty-client.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

/** As many as fit into every test run; more by hand, with `HALFMONTH_HISTORIES=500`. */
const HISTORIES = Number(process.env.HALFMONTH_HISTORIES ?? 40);
const LONGEST_HISTORY_MILLISECONDS = 30_000;
const TRIES_OF_A_TASK = 3;

let tables: TestTables;
let faulty: FaultyClient;
beforeAll(async () => {
  tables = await startTestTables();
  faulty = new FaultyClient(tables.endpoint);
  // From before the first period on, so that every certificate is held against all that was counted.
  await ensureFoundation(tables, { billingTimeZone: 'Europe/Rome', sliceMinutes: 5 }, '1989-12-01');
});
afterAll(async () => {
  faulty.client.destroy();
  await tables.stop();
});

/** Each history has a period of its own, so that all can share the tables. */
let period: Period = periodOf('1990-01-H1');

type Outcome = 'processed' | 'rejected' | 'unprocessed' | 'unknown';

type Step =
  | { kind: 'count'; client: number; day: number; meter: number; quantity: string }
  | { kind: 'settings'; recordsPerSecond: number; eventMaxAgeDays: number }
  | { kind: 'run'; faults: { fault: Fault | undefined; delay: number }[]; outcomes: Outcome[]; sends: number };

const quantity = fc
  .tuple(fc.integer({ min: -40, max: 40 }), fc.integer({ min: 0, max: 3 }))
  .map(([units, digits]) => normalize((units / 10 ** digits).toFixed(digits)));
const count = fc.record({
  kind: fc.constant('count' as const),
  client: fc.integer({ min: 0, max: 1 }),
  day: fc.integer({ min: 0, max: 12 }),
  meter: fc.integer({ min: 0, max: 1 }),
  quantity,
});
/** What a deployment between two runs may change. */
const settings = fc.record({
  kind: fc.constant('settings' as const),
  recordsPerSecond: fc.constantFrom(40, 1_000),
  eventMaxAgeDays: fc.constantFrom(45, 60, 120),
});
const run = fc.record({
  kind: fc.constant('run' as const),
  faults: fc.array(
    fc.record({
      fault: fc.option(fc.constantFrom(...FAULTS), { nil: undefined, freq: 4 }),
      delay: fc.integer({ min: 0, max: 2 }),
    }),
    { maxLength: 60 },
  ),
  outcomes: fc.array(fc.constantFrom<Outcome>('processed', 'rejected', 'unprocessed', 'unknown', 'unknown'), {
    maxLength: 8,
  }),
  /** After so many sends the execution dies, whatever is in flight. */
  sends: fc.oneof(fc.integer({ min: 0, max: 4 }), fc.constant(20)),
});
const histories = fc.array(
  fc.oneof({ weight: 6, arbitrary: count }, { weight: 4, arbitrary: run }, { weight: 1, arbitrary: settings }),
  { minLength: 6, maxLength: 12, size: 'max' },
);

/** What an invoice API remembers, to catch a key with two bodies and a revision that is processed twice. */
class InvoiceBooks {
  readonly bodies = new Map<string, string>();
  readonly processed = new Set<string>();

  accept(key: string, body: string): void {
    expect(this.bodies.get(key) ?? body).toBe(body);
    this.bodies.set(key, body);
  }

  process({ packageId, revision }: PackageHead): void {
    expect(this.processed).not.toContain(`${packageId}.r${revision}`);
    this.processed.add(`${packageId}.r${revision}`);
  }
}

/** Whether the slices that can expire have done so before the last run. */
const sometimes = fc.integer({ min: 0, max: 2 }).map((drawn) => drawn === 0);

class ExecutionDied extends Error {}

/** Sends what is outstanding until nothing is, or until the execution dies. */
async function send(
  world: PackagingWorld,
  books: InvoiceBooks,
  step: { outcomes: Outcome[]; sends: number },
): Promise<void> {
  const outcomes = [...step.outcomes];
  let left = step.sends;
  for (;;) {
    const outstanding = (await world.heads(period.id)).filter(
      ({ state }) => state !== 'processed' && state !== 'rejected',
    );
    if (outstanding.length === 0) return;
    for (const head of outstanding) {
      if (left-- <= 0) throw new ExecutionDied();
      const stored = await world.packages.loadRevision(period.id, head.clientId, head.part, head.revision);
      if (!stored) throw new Error(`${head.packageId} has no document of revision ${head.revision}`);
      const key = idempotencyKeyOf(head.packageId, head.revision, head.submission);
      books.accept(key, bodyOf(stored.document, head.submission));
      await settle(world, books, head, outcomes.shift() ?? 'processed');
    }
  }
}

async function settle(world: PackagingWorld, books: InvoiceBooks, head: PackageHead, outcome: Outcome): Promise<void> {
  if (outcome === 'unknown') return world.move(head, { state: 'submitted', everSent: true });
  if (outcome === 'unprocessed') {
    return world.move(head, { state: 'ready', everSent: true, submission: head.submission + 1 });
  }
  if (outcome === 'rejected') return world.move(head, { state: 'rejected', everSent: true });
  books.process(head);
  return world.move(head, { state: 'processed', everSent: true, lastProcessedRevision: head.revision });
}

/** Runs the state machine, each task with its retries; an execution that fails is dead for those after it. */
async function execute(
  world: PackagingWorld,
  honest: PackagingWorld,
  books: InvoiceBooks,
  step: Extract<Step, { kind: 'run' }>,
  runId: string,
): Promise<void> {
  const faults = step.faults.values();
  const plan = { next: () => faults.next().value ?? { fault: undefined, delay: 0 } };
  const task = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    for (let attempt = 1; ; attempt++) {
      faulty.restart(plan);
      try {
        return await work();
      } catch (error) {
        // Nothing is ever lost here, so no account may say so.
        if (error instanceof AccountUnbalanced) throw error;
        if (attempt === TRIES_OF_A_TASK) throw new ExecutionDied(`${error}`, { cause: error });
      }
    }
  };
  const executionArn = world.arnOf(runId);
  try {
    const context: RunContext = await task(() => world.open({ period: period.id }, runId));
    let planned = await task(() => world.plan(context));
    for (;;) {
      for (const chunk of planned.chunks) await task(() => world.processChunk(context, planned.purpose, chunk));
      if (planned.purpose === 'account') break;
      await send(honest, books, step);
      const previous = planned;
      planned = await task(() => world.plan(context, previous));
    }
    await task(() => world.finish(context));
    world.statuses.set(executionArn, 'SUCCEEDED');
  } catch (error) {
    if (!(error instanceof ExecutionDied)) throw error;
    world.statuses.set(executionArn, 'FAILED');
  }
}

/** Totals by client, meter and day, of what was last processed. */
async function lastProcessedTotals(world: PackagingWorld): Promise<Record<string, string>> {
  const totals: Record<string, string> = {};
  for (const head of await world.heads(period.id)) {
    const revision = head.state === 'processed' ? head.revision : head.lastProcessedRevision;
    if (revision === 0) continue;
    const stored = await world.packages.loadRevision(period.id, head.clientId, head.part, revision);
    const { lines, clientId } = JSON.parse(stored?.document ?? '') as PackageDocument;
    for (const { meter, days } of lines) {
      for (const day of days) totals[`${clientId} ${meter} ${day.day}`] = day.quantity;
    }
  }
  return totals;
}

/** Every late event on a slice page is in the ledger once, and what the ledger calls open is not yet billed. */
async function expectAllLateUsageIsKnown(world: PackagingWorld): Promise<void> {
  const pages = (await scan(tables.client, tables.usageSlices)).filter(({ pk }) => pk?.S?.startsWith(period.id));
  const late = pages.flatMap((page) => lateEventsOf(page).map(({ identity }) => identity));
  const lines = await world.lateLines(period.id);
  expect(lines.map(({ identity }) => identity).sort()).toEqual(late.sort());
  const open = lines.filter(({ billed }) => !billed);
  expect((await world.lateLedger.notYetBilled(period.id)).events).toBe(open.length);
}

test(
  'any history of usage, runs and failures ends with what was last processed = true totals',
  async () => {
    await fc.assert(
      fc.asyncProperty(histories, sometimes, async (history, expires) => {
        period = nextPeriod(period.id);
        const world = new PackagingWorld({
          ...tables,
          client: faulty.client,
          documents: DynamoDBDocumentClient.from(faulty.client, { marshallOptions: { removeUndefinedValues: true } }),
        });
        const honest = new PackagingWorld(tables);
        world.now = honest.now = endOfPeriod(period, world.calendar) + 86_400_000;
        world.recordsPerSecond = 40;
        const books = new InvoiceBooks();
        const days = daysOfPeriod(period);
        const truth: Record<string, string> = {};
        const countOne = async (client: string, day: string, meter: string, amount: string): Promise<void> => {
          await honest.count({ clientId: client, day, meter, quantity: amount });
          const key = `${client} ${meter} ${day}`;
          truth[key] = add(truth[key] ?? '0', amount);
        };
        let runs = 0;
        const nextRun = () => `${period.id}-run-${++runs}`;
        const faultless = { kind: 'run' as const, faults: [], outcomes: [], sends: 1_000 };
        if (expires) {
          // Counted in time, and packaged once before its slices expire: all that comes later has to outlast them.
          honest.now = endOfPeriod(period, world.calendar) - 86_400_000;
          for (const client of ['client-0', 'client-1']) await countOne(client, days[0] ?? '', 'meter-0', '100.5');
          honest.now = world.now;
          await execute(world, honest, books, faultless, nextRun());
        }

        for (const step of history) {
          if (step.kind === 'run') {
            await execute(world, honest, books, step, nextRun());
            await expectAllLateUsageIsKnown(honest);
          } else if (step.kind === 'settings') {
            world.recordsPerSecond = step.recordsPerSecond;
            world.eventMaxAgeDays = step.eventMaxAgeDays;
          } else await countOne(`client-${step.client}`, days[step.day] ?? '', `meter-${step.meter}`, step.quantity);
        }
        // What was rejected stays so until something changes.
        const rejected = (await honest.heads(period.id)).filter(({ state }) => state === 'rejected');
        for (const { clientId } of rejected) await countOne(clientId, days[0] ?? '', 'meter-0', '1000');
        if (expires) {
          world.now = honest.now += 75 * 86_400_000;
          await honest.expireSlices();
        }
        await execute(world, honest, books, faultless, nextRun());

        expect(world.statuses.get(world.arnOf(`${period.id}-run-${runs}`))).toBe('SUCCEEDED');
        const expected = Object.fromEntries(Object.entries(truth).filter(([, amount]) => amount !== '0'));
        expect(await lastProcessedTotals(honest)).toEqual(expected);
        await expectAllLateUsageIsKnown(honest);
        expect(await honest.lateLedger.notYetBilled(period.id)).toEqual({ events: 0, totals: {} });
      }),
      { numRuns: HISTORIES },
    );
  },
  HISTORIES * LONGEST_HISTORY_MILLISECONDS,
);
