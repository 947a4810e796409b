import * as z from 'zod/mini';
import { CANARY_CHUNK, EVERYTHING, parseTaskInput, runContext, wholeSecond } from './selection.ts';
import type { Sending } from './sending.ts';

/**
 * What executions of the versions before need, which sent in one Map and asked in another. An execution keeps the
 * state machine with which it was started. Their SendChunk and CheckChunk are `take-turn` under other names; this is
 * the rest.
 */

const chunkInput = z.object({ run: runContext, chunk: z.string() });

/**
 * Says when the first turn of a chunk begins. Chunks were sent one after the other: the first to be called stands for
 * everything, and leaves the others nothing to do.
 * @throws UnknownVersion when a newer version wrote the calendar
 * @throws InvalidTaskInput
 */
export async function bookQuota(input: unknown, { calendar, clock }: Sending) {
  const { run, chunk } = parseTaskInput(chunkInput, input);
  const { blockedUntil } = await calendar.load();
  return {
    run,
    chunk: chunk === CANARY_CHUNK ? CANARY_CHUNK : EVERYTHING,
    booking: { startsAt: wholeSecond(Math.max(blockedUntil, clock.now())) },
    remaining: 0,
    turns: 0,
    done: false,
  };
}

/** What they read in the answer of `assess`: they ask for the status of packages only where nothing is to be sent. */
export function assessmentOfVersion1(checkAt: number, chunk: string) {
  return { checkAt: wholeSecond(checkAt), checkChunks: [chunk] };
}
