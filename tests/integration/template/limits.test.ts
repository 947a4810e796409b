import { beforeAll, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { MAXIMUM_CHUNKS } from '../../../lib/chunks/planner.ts';
import { LOOKS_PER_WAIT } from '../../../lib/runs/look-at-queue.ts';
import { STEPS_PER_CHUNK } from '../../../lib/runs/package-chunk.ts';
import { MAXIMUM_CLIENTS } from '../../../lib/runs/run.ts';
import { ROUNDS_PER_EXECUTION } from '../../../lib/sending/assess.ts';
import { EVERYTHING } from '../../../lib/sending/selection.ts';
import { TURNS_PER_CHUNK } from '../../../lib/sending/take-turn.ts';
import { historyEvents, UnboundedLoop } from '../../fixtures/history-events.ts';
import { type Execution, executionsOf, packagedStateMachine } from '../../fixtures/state-machine.ts';

/**
 * An execution is stopped at 25,000 events (https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html).
 */
const EVENTS_ALLOWED = 20_000;
const PAYLOAD_BYTES = 256 * 1024;
const SECONDS_PER_YEAR = 365 * 86_400;
/** One attempt in ten fails: far more than any cloud, while everything still works. */
const FAILING_SHARE = 0.1;

const { invoiceApi } = readSettings('prod');

/** Of the profiles we know, the slowest API takes 180 packages an hour; an execution lasts a year at most. */
const PACKAGES_OF_A_YEAR = 180 * 24 * 365;
/** Even if a turn sent two packages on average: with that API it sends 27 (`bench:send`, profile `clearance`). */
const SENDING_ROUNDS = Math.ceil(PACKAGES_OF_A_YEAR / 2 / TURNS_PER_CHUNK);
/** What waits for its slowest package is asked for at most this far apart. */
const CHECKING_ROUNDS = Math.ceil(SECONDS_PER_YEAR / (TURNS_PER_CHUNK * invoiceApi.pollMaximumSeconds));
/** Each attempt of a package takes two rounds at most. */
const ROUNDS = SENDING_ROUNDS + CHECKING_ROUNDS + 2 * invoiceApi.attemptsLimit;

/** How often each loop is gone through at most, by one of its states. */
const VISITS = {
  // A wait for the queue is looked at so often, and before and after it.
  LookAtQueue: LOOKS_PER_WAIT + 2,
  // A planner reads for 13 minutes before it says that it ran short of time: 10 million client-days take a few of them.
  Plan: 50,
  // The worker refuses to be called more often.
  PackageChunk: STEPS_PER_CHUNK,
  // `assess` refuses to be asked more often.
  Assess: ROUNDS_PER_EXECUTION,
  // Two turns each time round; the Choice after them sees that the last one is spent.
  TakeTurn: Math.ceil(TURNS_PER_CHUNK / 2) + 1,
};

let executions: Execution[];
beforeAll(async () => {
  executions = executionsOf(await packagedStateMachine('prod'));
});

describe('history', () => {
  test('of every execution stays well below the limit, for the largest plan and the slowest API', () => {
    const events = executions.map((execution) => ({
      name: execution.name,
      events: historyEvents(execution, VISITS, FAILING_SHARE),
    }));
    // The run itself, packaging and turns.
    expect(events).toHaveLength(3);
    expect(events.filter((execution) => execution.events >= EVENTS_ALLOWED)).toEqual([]);
  });

  test('has room for as many rounds as the slowest API needs', () => {
    expect(ROUNDS).toBeLessThanOrEqual(ROUNDS_PER_EXECUTION);
  });

  test('of a loop without a bound is found', () => {
    const endless: Execution = {
      name: 'endless',
      graph: { StartAt: 'Ask', States: { Ask: { Type: 'Task', Next: 'Wait' }, Wait: { Type: 'Wait', Next: 'Ask' } } },
    };
    expect(() => historyEvents(endless, VISITS, 0)).toThrow(UnboundedLoop);
  });

  test('counts what an execution without loops writes', () => {
    const straight: Execution = {
      name: 'straight',
      graph: { StartAt: 'Ask', States: { Ask: { Type: 'Task', Next: 'Rest' }, Rest: { Type: 'Pass', End: true } } },
    };
    // Started, five of the task, two of the pass, succeeded; and one failed attempt.
    expect(historyEvents(straight, {}, 1)).toBe(2 + 5 + 2 + 3);
  });
});

describe('payloads', () => {
  const bytes = (value: unknown) => Buffer.byteLength(JSON.stringify(value));
  const run = (clients?: string[]) => ({
    schemaVersion: 1,
    runId: 'r'.repeat(80),
    executionArn: 'a'.repeat(256),
    startedAt: '2026-11-17T02:00:00.000Z',
    period: { id: '2026-11-H1', from: '2026-11-01', to: '2026-11-15' },
    mode: 'close',
    ...(clients ? { clients } : {}),
    canary: 1_000_000,
    deadline: '2026-12-01T12:00:00.000+00:00',
  });
  const assessment = {
    next: 'send',
    round: 1_000_000,
    checkAt: '2026-11-17T02:00:00.000Z',
    checkChunks: [EVERYTHING],
    counts: { ready: 1e9, sending: 1e9, submitted: 1e9, processed: 1e9, rejected: 1e9, parked: 1e9 },
  };
  const sends = { chunks: [EVERYTHING], expectedEndAt: '2026-11-17T02:00:00.000Z' };
  const plan = (chunks: number) => ({
    purpose: 'package',
    round: 3,
    chunks: Array.from({ length: chunks }, (_, index) => index + 1),
    planned: true,
  });
  const longest = Array.from({ length: MAXIMUM_CLIENTS }, (_, index) => String(index).padStart(128, 'c'));

  test('of a run over everybody fit, with the largest plan', () => {
    const state = { run: run(), plan: plan(MAXIMUM_CHUNKS), assessment, sends };
    expect(bytes({ run: run(), state })).toBeLessThan(PAYLOAD_BYTES);
  });

  test('of a run over named clients fit, with as many and as long ids as are allowed', () => {
    const state = { run: run(longest), plan: plan(MAXIMUM_CLIENTS), assessment, sends };
    expect(bytes({ run: run(longest), state })).toBeLessThan(PAYLOAD_BYTES);
  });

  test('of all children of a Map together fit: each ends with an empty object', () => {
    for (const { graph } of executions.slice(1)) {
      const ends = Object.values(graph.States).filter(({ End }) => End);
      expect(ends).toEqual([expect.objectContaining({ Type: 'Pass', Result: {} })]);
    }
    expect(bytes(Array(MAXIMUM_CHUNKS).fill({}))).toBeLessThan(PAYLOAD_BYTES);
  });

  test('of a Map do not stay in the state', () => {
    const maps = executions.flatMap(({ graph }) => Object.values(graph.States)).filter(({ Type }) => Type === 'Map');
    expect(maps.every(({ ResultPath }) => ResultPath === null)).toBe(true);
  });
});
