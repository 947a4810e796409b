import type { QueueDepth } from '../queues/queue-depth.ts';
import type { RunStore } from '../store/run-store.ts';
import { assertKnownRun, type RunContext } from './run.ts';

/** What stood in the queues when a run looked; numbers of messages, and a message may hold many events. */
export interface QueueLook {
  /** RFC 3339, UTC. */
  lookedAt: string;
  /** Sent and not counted yet. */
  waiting: number;
  /** Being counted, or waiting to be counted again after a failure. */
  inFlight: number;
  /** Given up after many tries, for a person to look at. */
  deadLetters: number;
}

/** What the state machine tells this task. */
export interface LookAtQueueEvent {
  run: RunContext;
}

/** What the state machine is told: whether to look again, and when. */
export interface LookAtQueueResult extends QueueLook {
  looksAgain: boolean;
  /** RFC 3339, UTC: when to look again. */
  lookAgainAt: string;
}

/** What looking needs. */
export interface LookAtQueueDependencies {
  runs: Pick<RunStore, 'updateRunRecord'>;
  eventsQueue: () => Promise<QueueDepth>;
  deadLetters: () => Promise<QueueDepth>;
  /** How long a run waits for the queue unless its input says otherwise. */
  queueWaitMinutes: number;
  /** Milliseconds since the epoch. */
  now: () => number;
}

const MILLISECONDS_PER_MINUTE = 60_000;
/** A wait is looked at so many times: often enough to end soon after the queue is empty, and cheap. */
export const LOOKS_PER_WAIT = 60;
const SHORTEST_PAUSE_MILLISECONDS = 1_000;

/**
 * Looks at the queue before a run packages: events that wait there may belong to its period, and would be billed by a
 * later run only. A run that closes waits for them until its bound is over, and then goes on; the certificate says what
 * was left. Times are counted from the run's start, so that a redrive long after does not wait again.
 * @throws UnknownVersion
 */
export async function lookAtQueue(
  event: LookAtQueueEvent,
  dependencies: LookAtQueueDependencies,
): Promise<LookAtQueueResult> {
  assertKnownRun(event);
  const { run } = event;
  const { runs, eventsQueue, deadLetters, now } = dependencies;
  const [{ waiting, inFlight }, dead] = await Promise.all([eventsQueue(), deadLetters()]);
  const lookedAt = now();
  const look: QueueLook = {
    lookedAt: rfc3339(lookedAt),
    waiting,
    inFlight,
    deadLetters: dead.waiting + dead.inFlight,
  };
  const bound = (run.queueWaitMinutes ?? dependencies.queueWaitMinutes) * MILLISECONDS_PER_MINUTE;
  const until = Date.parse(run.startedAt) + bound;
  const looksAgain = run.mode === 'close' && waiting + inFlight > 0 && lookedAt < until;
  const pause = Math.max(SHORTEST_PAUSE_MILLISECONDS, bound / LOOKS_PER_WAIT);
  await runs.updateRunRecord(run.period.id, {
    runId: run.runId,
    startedAt: run.startedAt,
    queue: { ...look, waitsUntil: looksAgain ? rfc3339(until) : null },
  });
  return { ...look, looksAgain, lookAgainAt: rfc3339(Math.min(until, lookedAt + pause)) };
}

function rfc3339(instant: number): string {
  return new Date(instant).toISOString();
}
