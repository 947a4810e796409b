import * as z from 'zod/mini';
import { assertKnownVersion, HalfmonthError } from '../errors/halfmonth-error.ts';
import { isClientId } from '../events/consumption-event.ts';
import type { Day } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';

/** What every task of a run is told. Travels through the state machine; small, and versioned for runs in flight. */
export interface RunContext {
  schemaVersion: 1;
  /** The execution's name. */
  runId: string;
  executionArn: string;
  /** RFC 3339, UTC. */
  startedAt: string;
  period: { id: PeriodId; from: Day; to: Day };
  mode: 'close' | 'preview';
  /** Absent: every client. */
  clients?: string[] | undefined;
  /** Send this many packages first and go on only when they are processed. */
  canary?: number | undefined;
  /** RFC 3339: warn when the forecast passes it. */
  deadline?: string | undefined;
  /** How long to wait for events that are still in the queue; absent: as the stage is set. */
  queueWaitMinutes?: number | undefined;
}

/**
 * Refuses the input of a task whose run was begun by a newer version (see "Upgrades" in `docs/architecture.md`).
 * @throws UnknownVersion
 */
export function assertKnownRun(input: unknown): void {
  const run = (input as { run?: { schemaVersion?: unknown } } | undefined)?.run; // looked at, not trusted
  assertKnownVersion("The run in this task's input", run?.schemaVersion);
}

/**
 * What workers do with the chunks of a plan: make packages, balance the account once everything is sent, or only find
 * out what a run would do.
 */
export type PlanPurpose = 'package' | 'account' | 'preview';

const FORM = `Start a run with {} for the period that has just ended, or with any of these fields:
{
  "period": "2026-11-H1",
  "clients": ["client-a", "client-b"],
  "mode": "close",
  "canary": 10,
  "deadline": "2026-12-01T12:00:00Z",
  "queueWaitMinutes": 0
}
mode is "close" (the default) or "preview", which writes and sends nothing. A deadline needs its zone. queueWaitMinutes is
how long to wait for events that are still in the queue.`;

/** More than these do not fit into the input of a state machine's steps; leave `clients` out to close for everybody. */
export const MAXIMUM_CLIENTS = 900;

/** The input of an execution cannot be used. The message says what is wrong with it and shows the right form. */
export class InvalidRunInput extends HalfmonthError {
  readonly code = 'INVALID_RUN_INPUT';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(`This execution's input cannot be used:\n${faults.map((fault) => `  ${fault}`).join('\n')}\n${FORM}`);
    this.faults = faults;
  }
}

const runInputSchema = z.strictObject({
  period: z.optional(
    z
      .string('must be a text such as "2026-11-H1"')
      .check(z.regex(/^\d{4}-(0[1-9]|1[0-2])-H[12]$/, 'must be a year, a month and a half, as in "2026-11-H1"')),
  ),
  clients: z.optional(
    z
      .array(
        z.string('must be a client id').check(z.refine(isClientId, 'is not a client id')),
        'must be a list of client ids',
      )
      .check(
        z.minLength(1, 'must name a client; leave it out for all'),
        z.maxLength(MAXIMUM_CLIENTS, `must name at most ${MAXIMUM_CLIENTS} clients; leave it out for all`),
      ),
  ),
  mode: z.optional(z.enum(['close', 'preview'], 'must be "close" or "preview"')),
  canary: z.optional(z.int('must be a whole number').check(z.gte(1, 'must be at least 1'))),
  deadline: z.optional(z.iso.datetime({ offset: true, error: 'must be a time such as "2026-12-01T12:00:00Z"' })),
  queueWaitMinutes: z.optional(
    z
      .int('must be a whole number of minutes')
      .check(z.gte(0, 'must be at least 0'), z.lte(1440, 'must be at most 1440, which is a day')),
  ),
});

/** What a person or the schedule may ask of a run. */
export type RunInput = z.output<typeof runInputSchema>;

/**
 * Reads the input of an execution, strictly: what is not known is not ignored, since it may be a misspelt limit.
 * @throws InvalidRunInput naming every fault and the right form
 */
export function readRunInput(input: unknown): RunInput {
  const parsed = z.safeParse(runInputSchema, input);
  if (!parsed.success) throw new InvalidRunInput(parsed.error.issues.map(faultOf));
  const { clients } = parsed.data;
  return clients ? { ...parsed.data, clients: [...new Set(clients)].sort() } : parsed.data;
}

function faultOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') return `unknown: ${issue.keys.map((key) => JSON.stringify(key)).join(', ')}`;
  if (issue.path.length === 0) return 'must be a JSON object';
  return `${issue.path.join('.')} ${issue.message}`;
}
