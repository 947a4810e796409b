import * as z from 'zod/mini';
import { interventionSchema } from '../interventions/intervention.ts';

const count = z.int().check(z.gte(0));
const hash = z.string().check(z.regex(/^[0-9a-f]{64}$/));
const instant = z.string().check(z.regex(/^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?Z$/));
const decimal = z.string().check(z.regex(/^-?(0|[1-9]\d*)(\.\d+)?$/));
const totals = z.record(z.string(), decimal);
const usage = z.strictObject({ events: count, totals });
const periodId = z.string().check(z.regex(/^\d{4}-(0[1-9]|1[0-2])-H[12]$/));

/**
 * The closing certificate of one run. Immutable once it is stored. Every sum is an exact decimal in plain notation, by
 * meter; a meter whose sum is zero is left out.
 */
export const certificateSchema = z.strictObject({
  schemaVersion: z.literal(1),
  run: z.strictObject({
    id: z.string(),
    executionArn: z.string(),
    startedAt: instant,
    certifiedAt: instant,
    /** Only these clients were closed; absent: all. */
    clients: z.optional(z.array(z.string())),
  }),
  period: z.strictObject({ id: periodId, from: z.string(), to: z.string(), timeZone: z.string() }),
  /** SHA-256 of the stage's settings. */
  configurationHash: hash,
  usage: z.strictObject({
    clients: count,
    clientDays: count,
    /** What the workers folded from usage slices (or took from daily records whose slices have expired). */
    slices: usage,
    /** What the daily records say, read again after everything was sent. */
    days: usage,
    /** At least so many were seen by counting: one that was not written down because of a crash is not among them. */
    observed: z.strictObject({ duplicates: count, rejected: count }),
    /**
     * What ingestion says it has counted, from its own batches and from no table that the run reads. Absent for a run
     * for some clients, and where an earlier version has counted everything.
     */
    control: z.optional(
      z.strictObject({
        /** There is usage that was counted without it: `events` is a lower bound, and nothing else is held. */
        partial: z.optional(z.literal(true)),
        /** Events when the run began to read: the daily records must hold at least these. */
        events: count,
        /** Events that were counted until the account was balanced: they are in it, or late. */
        meanwhile: count,
        /** Events of which counting had no answer: the tolerance. */
        unsure: count,
        /**
         * Events that are listed as late and in no package, read after the others: with those in the daily records they
         * come to all that was counted at least. Absent: an earlier version did not compare.
         */
        late: z.optional(count),
        /**
         * Meters whose daily records lie outside of what was counted; held against each other where nothing came
         * meanwhile.
         */
        differences: z.array(
          z.strictObject({ meters: z.array(z.string()), least: decimal, most: decimal, found: decimal }),
        ),
      }),
    ),
  }),
  /**
   * Messages that had not been counted when the run began to package; one may hold many events, of any period. What of
   * them belongs to this period is late usage. Absent where the run was begun by a version that did not look.
   */
  queue: z.optional(z.strictObject({ lookedAt: instant, waiting: count, inFlight: count, deadLetters: count })),
  packages: z.strictObject({
    total: count,
    processed: count,
    rejected: count,
    parked: count,
    /** Those whose current revision corrects an earlier one. */
    corrections: count,
    /** Those that were in flight each time that their next revision was due. */
    waiting: count,
  }),
  billed: z.strictObject({
    /** Totals of the revision that was last processed, package by package. */
    lastProcessed: totals,
    /**
     * The same from the other side: first processed revisions, and the differences of all processed ones after them.
     */
    revisions: totals,
    /** What rejected revisions would have added. */
    rejected: totals,
    /** What parked revisions would add. */
    parked: totals,
    /** In the daily records, but in no package yet (see `packages.waiting`). */
    open: totals,
  }),
  acknowledgements: z.strictObject({
    /** Packages of which the invoice API has processed a revision. */
    count,
    /** The idempotency keys that it processed are kept in so many lists, one for each step of a worker. */
    lists: count,
    /** SHA-256 over the lists' own digests, in order. */
    digest: hash,
  }),
  lateUsage: z.strictObject({
    /** Counted and not billed when the run began, in a period that had been closed before. */
    before: totals,
    /**
     * Counted after the period's close and in no package yet, as the index of late usage had it. The next run bills it.
     */
    after: usage,
  }),
  /**
   * What persons did by commands before the run was certified, and who they were, the earliest first: all of this
   * period, and those of no single period since it began. Absent where an earlier version certified, which kept none.
   */
  interventions: z.optional(z.array(interventionSchema)),
  /** What the archive holds of the period; absent where the stage keeps none. */
  evidence: z.optional(
    z.strictObject({
      /** The archive's objects that hold events of the period, one for each batch. */
      objects: count,
      /** Counted events that stand in them. */
      counted: count,
      /** Dropped duplicates that stand in them. */
      duplicates: count,
      /** When the last of them was written. */
      until: z.optional(instant),
      /** SHA-256 over the manifest: a line for each object. */
      digest: hash,
      /** What was counted and is in no object, by what ingestion itself has counted. */
      withoutEvidence: z.strictObject({
        events: count,
        sums: z.array(z.strictObject({ meters: z.array(z.string()), quantity: decimal })),
      }),
    }),
  ),
  /** The place in the chain of all certificates of the stage, from 1; absent where the chain went period by period. */
  number: z.optional(z.int().check(z.gte(1))),
  /**
   * The certificate that was made before this one, of whatever period. Without `number`: of the same period if there is
   * one, else of the last period that has one.
   */
  previous: z.nullable(z.strictObject({ periodId, runId: z.string(), hash })),
  /** SHA-256 of the canonical JSON (RFC 8785) of everything above. */
  hash,
  /** What only the holder of the key can make of the hash; absent where the stage has no key. */
  signature: z.optional(
    z.strictObject({
      /** As AWS KMS names it: ECDSA over NIST P-256 with SHA-256; what is signed is the text of `hash`. */
      algorithm: z.literal('ECDSA_SHA_256'),
      /** The key's ARN or id. */
      keyId: z.string(),
      /** The signature in DER, base64. */
      value: z.string(),
    }),
  ),
});

/** The closing certificate of one run (see `docs/certificate.schema.json`). */
export type Certificate = z.infer<typeof certificateSchema>;

/** A certificate before it is sealed with its hash. */
export type CertificateContent = Omit<Certificate, 'hash' | 'signature'>;

/** Who vouches for a certificate, and the proof. */
export type CertificateSignature = NonNullable<Certificate['signature']>;
