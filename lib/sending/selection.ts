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
/** The chunk of all packages. */
export const EVERYTHING = `0-${BUCKETS - 1}`;

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

/** Wait states know whole seconds. */
export function wholeSecond(milliseconds: number): string {
  return new Date(Math.floor(milliseconds / 1000) * 1000).toISOString();
}
