import { Command } from 'commander';
import { readSettings } from '../../config/settings.ts';
import type { MeterKind } from '../../lib/meters/measure.ts';
import { type IngestMeasurement, measure, type Way } from './measurement.ts';
import { TABLE_NAMES } from './tables.ts';
import { ourInstance, powertoolsInstance, transactionInstance } from './ways.ts';
import { type Density, workloadOf } from './workload.ts';

/**
 * Counts the same events in three ways, one after the other on engines of their own: ours, a transaction per event, and
 * Powertools idempotency. Prints a table, or with --json one JSON object in the last line.
 */
const program = new Command('bench:ingest')
  .option('--json', 'print one JSON object as the last line')
  .option('--faults', 'let one request in 25 be lost, unanswered or throttled')
  .option('--seed <number>', 'of the workload and the faults', Number, 1)
  .option('--pollers <number>', 'of the event source; each collects batches of its own', Number, 1)
  .option('--window <seconds>', 'collecting time of a batch; default: config/prod.yml', Number)
  .option('--density <name>', 'only this one: sparse, typical, hot, day or backfill (the last two only when named)')
  .option('--clients <number>', 'so many clients instead of those of the density', Number)
  .option('--slice-minutes <number>', 'all slices are this long, and none is wide: up to 1440', Number)
  .option('--kind <kind>', 'registers the meter of all events: sum, count, maximum or latest')
  .option('--way <name>', 'only this one: ours, transaction or powertools')
  .parse();
const options = program.opts<{
  json?: boolean;
  faults?: boolean;
  seed: number;
  pollers: number;
  window?: number;
  density?: string;
  clients?: number;
  sliceMinutes?: number;
  kind?: MeterKind;
  way?: string;
}>();

const settings = readSettings('prod');
const windowSeconds = options.window ?? settings.ingest.batchWindowSeconds;
const sliceMinutes = options.sliceMinutes ?? settings.billing.sliceMinutes;
const INSTANCES = 2;
/**
 * The hot density in full would take the other ways a quarter of an hour; their cost per event does not depend on its
 * length.
 */
const OTHERS_HOT_MINUTES = 1 / 3;

const DAY_MINUTES = 1_440;
const DENSITIES: Density[] = [
  { name: 'sparse', clients: 2_000, eventsPerClient: 20, minutes: 20, windowSeconds, inFlight: 1 },
  { name: 'typical', clients: 300, eventsPerClient: 105, minutes: 15, windowSeconds, inFlight: 1 },
  { name: 'hot', clients: 1, eventsPerClient: 300_000, minutes: 5, windowSeconds, inFlight: INSTANCES },
];
/** They take long, and say nothing of the other ways that a shorter one does not. */
const LONG_DENSITIES: Density[] = [
  { name: 'day', clients: 20_000, eventsPerClient: 24, minutes: DAY_MINUTES, windowSeconds, inFlight: 1 },
  // A file of half a month: batches are full, whatever the window is.
  {
    name: 'backfill',
    clients: 2_000,
    eventsPerClient: 500,
    minutes: 15 * DAY_MINUTES,
    windowSeconds: 15 * DAY_MINUTES * 60,
    inFlight: INSTANCES,
  },
];

const WAYS: Record<string, Way> = {
  ours: { make: ourInstance, table: TABLE_NAMES.usageSlices, key: 'sk' },
  transaction: { make: transactionInstance, table: TABLE_NAMES.transactionTotals, key: 'id' },
  powertools: { make: powertoolsInstance, table: TABLE_NAMES.powertoolsTotals, key: 'id' },
};

const densities: Record<string, Record<string, IngestMeasurement>> = {};
const chosen = options.density
  ? [...DENSITIES, ...LONG_DENSITIES].filter(({ name }) => name === options.density)
  : DENSITIES;
for (const named of chosen) {
  const density = { ...named, clients: options.clients ?? named.clients };
  const measurements: Record<string, IngestMeasurement> = {};
  densities[density.name] = measurements;
  for (const [name, way] of Object.entries(WAYS)) {
    if (options.way && options.way !== name) continue;
    const isShort = density.name === 'hot' && name !== 'ours';
    const length = isShort ? shortened(density, OTHERS_HOT_MINUTES) : density;
    const rules = { batchSize: settings.ingest.batchSize, pollers: options.pollers };
    measurements[name] = await measure({
      way,
      density: length,
      workload: workloadOf(length, rules, options.seed),
      instances: INSTANCES,
      concurrency: settings.ingest.writeConcurrency,
      sliceMinutes,
      hasWideSlices: options.sliceMinutes === undefined,
      kind: options.kind,
      faultSeed: options.faults ? options.seed : undefined,
    });
    if (!options.json) console.log(lineOf(density.name, name, measurements[name]));
  }
}
if (options.json) {
  const { batchSize, writeConcurrency } = settings.ingest;
  const setting = {
    ...options,
    windowSeconds,
    batchSize,
    writeConcurrency,
    sliceMinutes,
  };
  console.log(JSON.stringify({ densities, setting }));
}

function shortened(density: Density, minutes: number): Density {
  return { ...density, minutes, eventsPerClient: Math.round((density.eventsPerClient * minutes) / density.minutes) };
}

function lineOf(density: string, way: string, measured: IngestMeasurement): string {
  const {
    eventsPerSecond,
    writeUnitsPerEvent,
    readUnitsPerEvent,
    batchMsP50,
    batchMsP99,
    lost,
    doubleCounted,
    events,
    heldMegabytes,
  } = measured;
  return [
    density.padEnd(8),
    way.padEnd(12),
    `${events} events`.padStart(15),
    `${eventsPerSecond} events/s`.padStart(15),
    `${writeUnitsPerEvent.toFixed(4)} WU/event`.padStart(17),
    `${readUnitsPerEvent.toFixed(4)} RU/event`.padStart(17),
    `batch ${batchMsP50}/${batchMsP99} ms`.padStart(18),
    `held ${heldMegabytes} MB`.padStart(12),
    `lost ${lost}, double ${doubleCounted}`,
  ].join('  ');
}
