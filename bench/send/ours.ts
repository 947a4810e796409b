import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { periodOf } from '../../lib/periods/periods.ts';
import type { RunContext } from '../../lib/runs/run.ts';
import { wholeRun } from '../../lib/sending/selection.ts';
import type { Deciding, SendingSettings, SendingWithApi } from '../../lib/sending/sending.ts';
import { documentClientOf } from '../../lib/store/document-client.ts';
import { OutstandingPackages } from '../../lib/store/outstanding-packages.ts';
import { countPackages } from '../../lib/store/package-reader.ts';
import { PackageStore, PackageTransitions } from '../../lib/store/package-store.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import type { TablesWith } from '../../lib/store/tables.ts';
import type { ProfileName } from '../../local/invoice-api-simulator/profiles.ts';
import { vendorPace } from '../../local/start/vendor-access.ts';
import type { VendorName } from '../../local/vendor-apis/simulated-vendor.ts';
import {
  BENCH_PROFILES,
  idealSeconds,
  idealSecondsOfVendor,
  settingsFor,
  settingsForVendor,
} from './bench-profiles.ts';
import { JumpingClock } from './jumping-clock.ts';
import { type MeasuredApi, startMeasuredApi, startMeasuredVendor } from './measured-api.ts';
import { measurementOf, type SendMeasurement } from './measurement.ts';
import { seedPackages } from './seed-packages.ts';
import { runMachine, sendingDefinition, type TaskHandlers, taskHandlers } from './sending-machine.ts';

/** Tables of the bench, empty. */
export type SendTables = TablesWith<'packages' | 'runs'>;

const LAMBDA_GIGABYTES = 1;
const LAMBDA_SECONDS = 900;
/**
 * What a whole run enters besides the sending half: OpenPeriod and Plan, the Map PackageChunks with one chunk (its
 * start and three states) and the Choice after it, then PlanAgain, the same Map and Choice once more to balance the
 * account, and ClosePeriod.
 */
const TRANSITIONS_BESIDES = 16;

/** What is to be measured. */
interface Measured {
  packages: number;
  settings: SendingSettings;
  idealSeconds: number;
  start(clients: readonly string[], clock: JumpingClock): Promise<MeasuredApi>;
}

/** Sends to an API of the contract. */
export function measureOurs(profile: ProfileName, seed: number, tables: SendTables): Promise<SendMeasurement> {
  const measured: Measured = {
    packages: BENCH_PROFILES[profile].packages,
    settings: settingsFor(profile),
    idealSeconds: idealSeconds(profile),
    start: (_clients, clock) => startMeasuredApi(profile, seed, clock),
  };
  return measure(measured, tables);
}

/** Sends to a vendor's API through its adapter. */
export async function measureVendor(
  vendor: VendorName,
  { packages, seed, hasFaults }: { packages: number; seed: number; hasFaults: boolean },
  tables: SendTables,
): Promise<SendMeasurement> {
  const pace = await vendorPace(vendor);
  const measured: Measured = {
    packages,
    settings: settingsForVendor(pace),
    idealSeconds: idealSecondsOfVendor(packages, pace),
    start: (clients, clock) => startMeasuredVendor(vendor, { seed, hasFaults, clients }, clock),
  };
  return measure(measured, tables);
}

/** Sends with the real tasks on the real sending half of the state machine. */
async function measure(measured: Measured, tables: SendTables): Promise<SendMeasurement> {
  const { packages: count, settings } = measured;
  const period = periodOf('2026-11-H1');
  const clients = await seedPackages(new PackageStore(tables), period, count);
  const clock = new JumpingClock();
  onOtherProcess(documentClientOf(tables.client), clock);
  const { api, report, lastAcceptedAt, stop } = await measured.start(clients, clock);
  let idleMilliseconds = 0;
  const sending: SendingWithApi & Deciding = {
    settings,
    clock,
    clockId: 'bench',
    calendar: new QuotaCalendarStore(tables, 'invoice-api'),
    outstanding: new OutstandingPackages(tables),
    packages: new PackageStore(tables),
    transitions: new PackageTransitions(tables),
    runs: new RunStore(tables),
    metrics: {
      count: () => {},
      milliseconds: (name, value) => {
        if (name === 'SenderIdle') idleMilliseconds += value;
      },
    },
    api,
    remainingMilliseconds: () => LAMBDA_SECONDS * 1000,
    countPackages: (selection, since) => countPackages(tables, selection, since === undefined ? {} : { since }),
    decisions: async () => 0,
    notifications: { notify: async () => {} },
  };
  const lambda = { milliseconds: 0, calls: 0 };
  const startedAt = clock.now();
  const run: RunContext = {
    schemaVersion: 1,
    runId: 'bench',
    executionArn: 'bench',
    startedAt: new Date(startedAt).toISOString(),
    period,
    mode: 'close',
  };
  try {
    const { transitions } = await runMachine(
      sendingDefinition(),
      withWaits(taskHandlers(sending), clock, lambda),
      { run },
      { waitTimeOverrides: { WaitForTurn: 0, WaitForNextTurn: 0 } },
    );
    const seconds = (clock.now() - startedAt) / 1000;
    const { states } = await sending.countPackages(wholeRun(run));
    return measurementOf(
      {
        packages: count,
        seconds,
        sentSeconds: (lastAcceptedAt() - startedAt) / 1000,
        idealSeconds: measured.idealSeconds,
        unknown: states.ready + states.sending + states.submitted,
        transitions: transitions + TRANSITIONS_BESIDES,
        lambdaSeconds: lambda.milliseconds / 1000,
        lambdaCalls: lambda.calls,
        lambdaGigabytes: LAMBDA_GIGABYTES,
        lambdaWaitSeconds: idleMilliseconds / 1000,
        finished: true,
      },
      report(),
    );
  } finally {
    clock.stop();
    await stop();
  }
}

/** Waits come before their Task instead of in the engine, on the bench's clock. */
function withWaits(
  handlers: TaskHandlers,
  clock: JumpingClock,
  lambda: { milliseconds: number; calls: number },
): TaskHandlers {
  return Object.fromEntries(
    Object.entries(handlers).map(([name, handler]) => [
      name,
      async (input: unknown) => {
        const { booking } = input as { booking?: { startsAt: string } };
        if (booking) await clock.sleepUntil(Date.parse(booking.startsAt));
        const startedAt = clock.now();
        const output = await handler(input);
        lambda.milliseconds += clock.now() - startedAt;
        lambda.calls += 1;
        return output;
      },
    ]),
  );
}

/** The engine is a process of its own, so the clock must not jump while one of its answers is on its way. */
function onOtherProcess(documents: DynamoDBDocumentClient, clock: JumpingClock): void {
  documents.middlewareStack.add((next) => (request) => clock.busy(() => next(request)), {
    step: 'initialize',
    name: 'busyOnClock',
  });
}
