import { Random } from '../../local/start/random.ts';

/** The meter of every event. */
export const WORKLOAD_METER = 'api_calls';

/** How dense the events of a client are. */
export interface Density {
  name: 'sparse' | 'typical' | 'hot' | 'day' | 'backfill';
  clients: number;
  /** Of each client, spread over the minutes. */
  eventsPerClient: number;
  minutes: number;
  /** How long the event source collects a batch, in seconds. */
  windowSeconds: number;
  /** Batches that are worked on at once: at high rates the next is there before the last is done. */
  inFlight: number;
}

/** What the event source hands over, by Lambda's rules (https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html). */
export interface EventSourceRules {
  batchSize: number;
  /** Pollers collect side by side; each has a window of its own. */
  pollers: number;
}

/** A batch as the function gets it. */
export interface Batch {
  /** Milliseconds since the epoch: when its window closed. */
  at: number;
  bodies: string[];
}

/** What is to be counted, and what must come of it. */
export interface Workload {
  batches: Batch[];
  /** Distinct events. */
  events: number;
  /** Deliveries beyond the first of an event. */
  repeats: number;
  eventsByClient: Map<string, number>;
}

/** A Lambda invocation's payload; what the event source wraps around a body is reckoned with it. */
const MAXIMUM_PAYLOAD_BYTES = 6 * 1024 * 1024;
const ENVELOPE_BYTES = 650;
const MINUTE = 60_000;
/** In the middle of a running period, minutes and seconds after a slice began: nothing is aligned. */
const BEGIN = Date.UTC(2026, 2, 10, 10, 2, 17, 431);
/** One event in this many is delivered twice. */
const REPEATED_ONE_IN = 100;
/** The second delivery follows within this time. */
const REPEATED_WITHIN = 3 * MINUTE;
/** A producer sends an event this much after its time, at most. */
const TRANSIT_MILLISECONDS = 3_000;

/** The events of a density in batches, as SQS and its event source would deliver them, from a seed. */
export function workloadOf(density: Density, rules: EventSourceRules, seed: number): Workload {
  const random = new Random(seed);
  const arrivals: { at: number; body: string }[] = [];
  const eventsByClient = new Map<string, number>();
  const { clients, eventsPerClient, minutes } = density;
  let repeats = 0;
  for (let client = 0; client < clients; client++) {
    const clientId = `client-${String(client).padStart(6, '0')}`;
    eventsByClient.set(clientId, eventsPerClient);
    for (let number = 0; number < eventsPerClient; number++) {
      const instant = BEGIN + random.integer(0, minutes * MINUTE - 1);
      const body = bodyOf(clientId, number, instant, random);
      const at = instant + random.integer(0, TRANSIT_MILLISECONDS);
      arrivals.push({ at, body });
      if (!random.happens(1000 / REPEATED_ONE_IN)) continue;
      repeats += 1;
      arrivals.push({ at: at + random.integer(0, REPEATED_WITHIN), body });
    }
  }
  arrivals.sort((one, other) => one.at - other.at);
  const events = clients * eventsPerClient;
  return { batches: collect(arrivals, density, rules, random), events, repeats, eventsByClient };
}

function bodyOf(clientId: string, number: number, instant: number, random: Random): string {
  return JSON.stringify({
    specversion: '1.0',
    id: `${clientId}-${number}-${random.digits(8)}`,
    source: '/gateways/eu-1',
    type: 'com.example.usage',
    subject: clientId,
    time: new Date(instant).toISOString(),
    data: { meter: WORKLOAD_METER, quantity: `${random.integer(0, 99)}.${random.digits(6)}` },
  });
}

/** A batch goes off when its window closes, or as soon as it is full by number or by bytes. */
function collect(
  arrivals: readonly { at: number; body: string }[],
  { windowSeconds }: Density,
  { batchSize, pollers }: EventSourceRules,
  random: Random,
): Batch[] {
  const batches: Batch[] = [];
  const open: { closesAt: number; bytes: number; bodies: string[] }[] = [];
  const close = (poller: number, at: number) => {
    const { bodies } = open[poller] ?? { bodies: [] };
    if (bodies.length > 0) batches.push({ at, bodies });
    delete open[poller];
  };
  for (const { at, body } of arrivals) {
    const poller = pollers === 1 ? 0 : random.integer(0, pollers - 1);
    const current = open[poller];
    if (current && at >= current.closesAt) close(poller, current.closesAt);
    const batch = open[poller] ?? { closesAt: at + windowSeconds * 1000, bytes: 0, bodies: [] };
    open[poller] = batch;
    batch.bodies.push(body);
    batch.bytes += body.length + ENVELOPE_BYTES;
    if (batch.bodies.length >= batchSize || batch.bytes >= MAXIMUM_PAYLOAD_BYTES) close(poller, at);
  }
  open.forEach((batch, poller) => {
    close(poller, batch.closesAt);
  });
  return batches.sort((one, other) => one.at - other.at);
}
