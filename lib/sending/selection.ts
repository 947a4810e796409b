import * as z from 'zod/mini';
import { assertKnownRun, type RunContext } from '../runs/run.ts';
import { BUCKETS } from '../store/keys.ts';
import type { PackageSelection } from '../store/outstanding-packages.ts';
import type { RunStore } from '../store/run-store.ts';
import { InvalidTaskInput } from './errors.ts';

/** The packages that a run sends first, and whether they went well. */
export interface Canary {
  clients: string[];
  /** How many packages these are. */
  size: number;
  passed: boolean;
}

/** The chunk that stands for the canary's packages. Any other chunk is a range of buckets, `0-15`. */
export const CANARY_CHUNK = 'canary';

/** Every package of a run. */
export function wholeRun(run: RunContext): PackageSelection {
  return {
    periodId: run.period.id,
    buckets: { from: 0, to: BUCKETS - 1 },
    ...(run.clients ? { clients: run.clients } : {}),
  };
}

/** The packages that a chunk of a run means. @throws InvalidTaskInput */
export async function selectionOf(run: RunContext, chunk: string, runs: RunStore): Promise<PackageSelection> {
  if (chunk === CANARY_CHUNK) {
    const canary = await loadCanary(run, runs);
    if (!canary) throw new InvalidTaskInput(`Run ${run.runId} has no canary, but a chunk that means it.`);
    return canarySelection(run, canary);
  }
  const [, from, to] = /^(\d{1,2})-(\d{1,2})$/.exec(chunk) ?? [];
  if (!from || !to || Number(to) >= BUCKETS) {
    throw new InvalidTaskInput(`${JSON.stringify(chunk)} is not a chunk: write a range of buckets such as "0-15".`);
  }
  return { ...wholeRun(run), buckets: { from: Number(from), to: Number(to) } };
}

/** Chunks of about equal size that together are the whole run. */
export function bucketChunks(packages: number, packagesPerChunk: number): string[] {
  const chunks = Math.min(BUCKETS, Math.max(1, Math.ceil(packages / packagesPerChunk)));
  return Array.from({ length: chunks }, (_, index) => {
    const from = Math.floor((index * BUCKETS) / chunks);
    return `${from}-${Math.floor(((index + 1) * BUCKETS) / chunks) - 1}`;
  });
}

/** The packages that are sent first. */
export function canarySelection(run: RunContext, { clients }: Canary): PackageSelection {
  return { ...wholeRun(run), clients };
}

/** The canary of a run; undefined while none is chosen. */
export function loadCanary(run: RunContext, runs: RunStore): Promise<Canary | undefined> {
  return runs.loadValue<Canary>(run.runId, 'canary', []);
}

/** Keeps the canary of a run, or that it passed. */
export function saveCanary(run: RunContext, canary: Canary, runs: RunStore): Promise<void> {
  return runs.saveValue(run.runId, 'canary', [], canary);
}

/** Whether so many packages of a run failed that nothing more is sent before `assess` has judged. */
export async function judgementIsDue(run: RunContext, runs: RunStore): Promise<boolean> {
  return (await runs.loadValue<{ isDue: boolean }>(run.runId, 'judgement', []))?.isDue ?? false;
}

/** Asks `assess` for its judgement, or records that it has judged. */
export function saveJudgement(run: RunContext, judgement: { isDue: boolean }, runs: RunStore): Promise<void> {
  return runs.saveValue(run.runId, 'judgement', [], judgement);
}

const period = z.object({ id: z.string(), from: z.string(), to: z.string() });

/** What the state machine tells every task of a run. */
export const runContext = z.object({
  schemaVersion: z.literal(1),
  runId: z.string(),
  executionArn: z.string(),
  startedAt: z.string(),
  period,
  mode: z.enum(['close', 'preview']),
  clients: z.exactOptional(z.array(z.string())),
  canary: z.exactOptional(z.number()),
  deadline: z.exactOptional(z.string()),
}) satisfies z.ZodMiniType<RunContext>;

/** Reads a task's input. @throws UnknownVersion, InvalidTaskInput naming the faults */
export function parseTaskInput<Schema extends z.ZodMiniType>(schema: Schema, input: unknown): z.output<Schema> {
  assertKnownRun(input);
  const parsed = z.safeParse(schema, input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join('.') || '(top)'}: ${message}`);
  throw new InvalidTaskInput(`The input of this task cannot be used: ${faults.join('; ')}`);
}
