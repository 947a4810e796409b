import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { MeterKind } from '../../lib/meters/measure.ts';
import { MeterStore } from '../../lib/store/meter-store.ts';
import { startDynamoDbEngine } from '../../local/engines/dynamodb-engine.ts';
import { Random } from '../../local/start/random.ts';
import { type Consumption, measuredClient } from './measured-client.ts';
import { makeTables, TABLE_NAMES } from './tables.ts';
import { countedByClient, type Instance, type InstanceOptions } from './ways.ts';
import { type Batch, type Density, WORKLOAD_METER, type Workload } from './workload.ts';

/** How a way did at a density. */
export interface IngestMeasurement {
  eventsPerSecond: number;
  writeUnitsPerEvent: number;
  readUnitsPerEvent: number;
  batchMsP50: number;
  batchMsP99: number;
  lost: number;
  doubleCounted: number;
  /** Distinct events that were counted in this measurement. */
  events: number;
  requestsPerEvent: number;
  failedConditions: number;
  /** What all instances held at most when a batch was done, garbage aside: their caches. */
  heldMegabytes: number;
}

/** One of the ways, and where its counts are found. */
export interface Way {
  make(options: InstanceOptions): Instance;
  table: string;
  key: 'id' | 'sk';
}

/** What a measurement is made with. */
export interface IngestOptions {
  way: Way;
  density: Density;
  workload: Workload;
  /** Function instances, each with its own memory; batches go to them in turn. */
  instances: number;
  concurrency: number;
  sliceMinutes: number;
  hasWideSlices: boolean;
  /** Registers the meter of all events, with this kind and every bound; absent: none is registered. */
  kind?: MeterKind | undefined;
  /** Injects faults from this seed. */
  faultSeed?: number | undefined;
}

/** A message comes again this often before the queue gives it up (maxReceiveCount of resources/queues.yml). */
const DELIVERIES = 12;

/** Collecting garbage takes a while, and is not counting. */
const BATCHES_BETWEEN_LOOKS = 10;

/** The heap over what was there at first, with all garbage collected. */
class HeldHeap {
  readonly #collect: () => void;
  readonly #first: number;
  mostMegabytes = 0;

  constructor() {
    setFlagsFromString('--expose-gc');
    // A new context has what the flag exposes.
    this.#collect = runInNewContext('gc') as () => void;
    this.#first = this.#megabytes();
  }

  look(): void {
    this.mostMegabytes = Math.max(this.mostMegabytes, Math.round(this.#megabytes() - this.#first));
  }

  #megabytes(): number {
    this.#collect();
    return process.memoryUsage().heapUsed / (1024 * 1024);
  }
}

function registerMeter(client: DynamoDBClient, kind: MeterKind): Promise<unknown> {
  const rules = kind === 'count' ? {} : { minimum: '0', maximum: '1000000', decimals: 6 };
  const definition = { kind, unit: 'calls', activeFrom: '2000-01-01', ...rules };
  return new MeterStore({ client, ...TABLE_NAMES }).register(WORKLOAD_METER, definition, undefined, 0);
}

/** Runs a workload through one way on an engine of its own. */
export async function measure(options: IngestOptions): Promise<IngestMeasurement> {
  const { way, workload, faultSeed } = options;
  const engine = await startDynamoDbEngine();
  const plain = new DynamoDBClient({
    endpoint: engine.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  try {
    await makeTables(plain);
    if (options.kind) await registerMeter(plain, options.kind);
    const consumption: Consumption = { writeUnits: 0, readUnits: 0, requests: 0, failedConditions: 0 };
    const chance = faultSeed === undefined ? undefined : new Random(faultSeed);
    const client = measuredClient(engine.endpoint, consumption, chance);
    const started = performance.now();
    const heap = new HeldHeap();
    const durations = await deliver(options, client, heap);
    const seconds = (performance.now() - started) / 1000;
    client.destroy();
    const counted = await countedByClient(plain, way.table, way.key);
    const { events } = workload;
    return {
      eventsPerSecond: Math.round(events / seconds),
      writeUnitsPerEvent: round(consumption.writeUnits / events),
      readUnitsPerEvent: round(consumption.readUnits / events),
      batchMsP50: Math.round(percentile(durations, 0.5)),
      batchMsP99: Math.round(percentile(durations, 0.99)),
      ...differences(workload, counted),
      events,
      requestsPerEvent: round(consumption.requests / events),
      failedConditions: consumption.failedConditions,
      heldMegabytes: heap.mostMegabytes,
    };
  } finally {
    plain.destroy();
    await engine.stop();
  }
}

/** Hands the batches over as they come; what failed comes again at the end. Answers how long each batch took, in ms. */
async function deliver(
  { way, density, workload, instances, concurrency, sliceMinutes, hasWideSlices }: IngestOptions,
  client: DynamoDBClient,
  heap: HeldHeap,
): Promise<number[]> {
  const made = Array.from({ length: instances }, () =>
    way.make({ client, tables: TABLE_NAMES, concurrency, sliceMinutes, hasWideSlices }),
  );
  const durations: number[] = [];
  let waiting: Batch[] = workload.batches;
  for (let delivery = 0; delivery < DELIVERIES && waiting.length > 0; delivery++) {
    const queue = waiting.map((batch, index) => ({ batch, instance: made[index % instances] }));
    const again: Batch[] = [];
    const lanes = Array.from({ length: Math.min(density.inFlight, instances) }, (_, lane) =>
      queue.filter((_item, index) => index % Math.min(density.inFlight, instances) === lane),
    );
    await Promise.all(
      lanes.map(async (lane) => {
        for (const { batch, instance } of lane) {
          const started = performance.now();
          const failed = (await instance?.count(batch)) ?? [];
          durations.push(performance.now() - started);
          if (durations.length % BATCHES_BETWEEN_LOOKS === 0) heap.look();
          if (failed.length > 0) again.push({ at: batch.at, bodies: failed });
        }
      }),
    );
    waiting = again;
  }
  return durations;
}

function differences(
  workload: Workload,
  counted: ReadonlyMap<string, number>,
): { lost: number; doubleCounted: number } {
  let lost = 0;
  let doubleCounted = 0;
  for (const [clientId, expected] of workload.eventsByClient) {
    const difference = (counted.get(clientId) ?? 0) - expected;
    if (difference < 0) lost -= difference;
    else doubleCounted += difference;
  }
  return { lost, doubleCounted };
}

function percentile(values: number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 10_000) / 10_000;
}
