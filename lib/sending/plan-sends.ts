import * as z from 'zod/mini';
import type { RunContext } from '../runs/run.ts';
import { tell } from './assess.ts';
import { OutstandingIndexBehind } from './errors.ts';
import { forecastOf, keepForecast, loadForecast } from './run-forecast.ts';
import { CANARY_CHUNK, EVERYTHING, loadCanary, parseTaskInput, runContext, saveCanary, wholeRun } from './selection.ts';
import type { Deciding } from './sending.ts';

const planInput = z.object({ run: runContext });

/** What turns are taken with. */
export interface SendPlan {
  /** One: the canary, or everything. */
  chunks: string[];
  /** RFC 3339: when the last package will have been sent. */
  expectedEndAt: string;
}

/**
 * Says what turns are taken with, chooses the canary before the first package is sent, and records when sending will be
 * done.
 * @throws OutstandingIndexBehind for a moment after packaging, when a canary is to be chosen
 * @throws InvalidTaskInput
 */
export async function planSends(input: unknown, deciding: Deciding): Promise<SendPlan> {
  const { run } = parseTaskInput(planInput, input);
  const selection = wholeRun(run);
  const { states } = await deciding.countPackages(selection);
  const packages = states.ready + states.sending;
  const isCanaryTurn = await canaryIsNext(run, states.ready, deciding);
  const expectedEndAt = await forecast(run, packages, deciding);
  return { chunks: [isCanaryTurn ? CANARY_CHUNK : EVERYTHING], expectedEndAt };
}

/** Whether only the canary's packages may be sent now; chooses them when nobody has. */
async function canaryIsNext(run: RunContext, ready: number, deciding: Deciding): Promise<boolean> {
  const size = run.canary ?? deciding.settings.canary;
  if (size === 0) return false;
  const known = await loadCanary(run, deciding.runs);
  if (known) return !known.passed;
  if (ready <= size) return false;
  const clients = new Set<string>();
  let chosen = 0;
  for await (const { clientId } of deciding.outstanding.inState(wholeRun(run), 'ready')) {
    // All parts of a client go together, so that what counts as the canary is what is sent.
    if (chosen >= size && !clients.has(clientId)) break;
    clients.add(clientId);
    chosen += 1;
  }
  // The index follows the table after a moment; a smaller canary would pass for the one that was asked for.
  if (chosen < size) throw new OutstandingIndexBehind(run.period.id, chosen, size);
  await saveCanary(run, { clients: [...clients], size: chosen, passed: false }, deciding.runs);
  return true;
}

async function forecast(run: RunContext, packages: number, deciding: Deciding): Promise<string> {
  const before = await loadForecast(run, deciding);
  const made = await forecastOf(run, packages, before?.latencyMilliseconds, deciding);
  const { expectedEndAt, deadline, isBeforeDeadline } = made;
  // What was said of sending stands while the run only asks.
  if (packages === 0) return expectedEndAt;
  await keepForecast(run, made, deciding);
  if (deadline !== undefined && !isBeforeDeadline) {
    const detail = { periodId: run.period.id, runId: run.runId, packages, expectedEndAt, deadline };
    await tell(deciding, { type: 'Forecast Past Deadline', detail });
  }
  return expectedEndAt;
}
