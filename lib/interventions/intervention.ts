import * as z from 'zod/mini';

const instant = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/));

/** Who did something, and who says so. */
export const callerSchema = z.strictObject({
  /**
   * `aws`: AWS itself named the caller, by the credentials that signed. `local user`: what the machine calls its user,
   * on a local cloud, where nobody else vouches for it.
   */
  knownBy: z.enum(['aws', 'local user']),
  /** The caller's ARN, such as `arn:aws:sts::123456789012:assumed-role/operator/ann`, or the user's name. */
  name: z.string(),
});

/** Who did something, and who says so. */
export type Caller = z.infer<typeof callerSchema>;

/** One thing that a person did by a command. It is written down before it is done, so it may have been left undone. */
export const interventionSchema = z.strictObject({
  at: instant,
  /** The command, such as `release`; later versions may have others. */
  kind: z.string().check(z.regex(/^[a-z]+(-[a-z]+)*$/)),
  by: callerSchema,
  /** What it was done to: packages, an execution, rejected events. At most {@link SUBJECTS_NAMED} of them. */
  subjects: z.array(z.string()),
  /** How many it was done to; more than `subjects` where not all of them are named. */
  count: z.int().check(z.gte(0)),
  /** The person's own words. */
  reason: z.optional(z.string()),
});

/** One thing that a person did by a command, such as a release. */
export type Intervention = z.infer<typeof interventionSchema>;

/** What commands write down. */
export type InterventionKind =
  | 'run'
  | 'redrive'
  | 'stop'
  | 'release'
  | 'give-up'
  | 'replay'
  | 'discard'
  | 'unblock'
  | 'restore'
  | 'correct'
  | 'forget'
  | 'approve'
  | 'refuse';

/** Why a person decided something, and who it was. */
export interface DecisionOfPerson {
  reason: string;
  by: Caller;
}

/** So many of the things that one intervention was about are named in its record: an item holds at most 400 KB. */
export const SUBJECTS_NAMED = 100;

/** Longer words of a person are cut. */
const LONGEST_REASON = 1_000;

/** The record of what is about to be done; `now` in milliseconds since the epoch. */
export function interventionOf(
  { kind, by, subjects, reason }: { kind: InterventionKind; by: Caller; subjects: readonly string[]; reason?: string },
  now: number,
): Intervention {
  const words = reason?.trim().slice(0, LONGEST_REASON);
  return {
    at: new Date(now).toISOString(),
    kind,
    by,
    subjects: subjects.slice(0, SUBJECTS_NAMED),
    count: subjects.length,
    ...(words ? { reason: words } : {}),
  };
}

/** Who it was, in words. */
export function callerWords({ knownBy, name }: Caller): string {
  return knownBy === 'aws' ? name : `local user ${name}`;
}

/** One intervention in a line. */
export function interventionWords({ at, kind, by, subjects, count, reason }: Intervention): string {
  const which = count === 0 ? '' : ` of ${count === 1 ? subjects[0] : `${count}, among them ${subjects[0]}`}`;
  return `${at} ${kind}${which} by ${callerWords(by)}${reason ? `: ${reason}` : ''}`;
}
