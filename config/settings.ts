import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import canonicalize from 'canonicalize';
import { parse } from 'yaml';
import { z } from 'zod';

const timeZone = z.string().refine(isTimeZone, 'must be an IANA time zone such as "Europe/Rome"');
const count = z.int().positive();

/** 60 days: a stopped execution can be redriven for 14 days more, and its items in the runs table live 90. */
const LONGEST_APPROVAL_HOURS = 60 * 24;
const quota = z
  .string()
  .regex(
    /^[1-9]\d{0,8}\/[1-9]\d{0,8}(,[1-9]\d{0,8}\/[1-9]\d{0,8})*$|^[a-z][a-z0-9-]*$/,
    'must be windows as "requests/seconds", such as "60/60,5000/86400", a preset of the adapter, or "none"',
  );

/** An IAM user, a role, or one session of a role. */
const principal = z
  .string()
  .regex(
    /^arn:aws[a-z-]*:(iam::\d{12}:(user|role)\/[^\s,]+|sts::\d{12}:assumed-role\/[^\s,]+\/[^\s,]+)$/,
    'must be the ARN of an IAM user, of a role, or of one session of a role',
  );

const ROOT = new URL('../', import.meta.url);

/** A larger batch has to be waited for. */
const LARGEST_BATCH_AT_ONCE = 10;

/**
 * The only retentions that CloudWatch Logs takes
 * (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html).
 */
const LOG_RETENTION_DAYS = [
  1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653,
] as const;

/** What decides how long slices must live. */
interface AgeLimits {
  billing: { graceHours: number };
  operations: { closeWithinHours: number };
}

/** The longest half of a month. */
const PERIOD_DAYS = 16;

/**
 * Slices of a period's first day must be there when the latest close that is tolerated reads them. They live 15 days
 * longer than this, for a run that fails and is redriven, which Step Functions allows for 14.
 */
function leastEventMaxAgeDays({ billing, operations }: AgeLimits): number {
  return PERIOD_DAYS + Math.ceil((billing.graceHours + operations.closeWithinHours) / 24);
}

/** The settings of one stage, as a person writes them in `config/<stage>.yml`. */
export const settingsSchema = z
  .strictObject({
    billing: z.strictObject({
      timeZone,
      sliceMinutes: z.union([1, 5, 10, 15, 30, 60].map((minutes) => z.literal(minutes))),
      eventMaxAgeDays: count,
      graceHours: z
        .int()
        .min(0)
        .max(10 * 24),
      /** How long a run waits for events that are still in the queue before it packages. 0: not at all. */
      queueWaitMinutes: z
        .int()
        .min(0)
        .max(24 * 60),
    }),
    ingest: z.strictObject({
      batchSize: count.max(10_000),
      batchWindowSeconds: z.int().min(0).max(300),
      maximumConcurrency: z.int().min(2).max(1000),
      writeConcurrency: count.max(200),
      memoryMegabytes: z.int().min(128).max(10_240),
      timeoutSeconds: z.int().min(1).max(900),
      /** Instances kept warm; each costs money by the hour. 0: none, Lambda starts them as needed. */
      provisionedConcurrency: z.int().min(0).max(1000),
    }),
    /** What was counted, event by event, in S3 (docs/evidence.md); absent: no archive. */
    archive: z
      .strictObject({
        enabled: z.boolean(),
        /** Objects are deleted after so many days. */
        retentionDays: z.int().min(60).max(3653),
        /** A counted batch waits no longer for S3. */
        waitSeconds: z.int().min(1).max(5),
      })
      .optional(),
    packaging: z.strictObject({
      recordsPerSecond: count,
      targetSeconds: count.max(600),
      maximumConcurrency: count.max(1000),
      memoryMegabytes: z.int().min(128).max(10_240),
      timeoutSeconds: z.int().min(10).max(900),
    }),
    invoiceApi: z
      .strictObject({
        /** What speaks to the API; absent: it takes packages as docs/invoice-api.openapi.yaml says. */
        adapter: z.string().min(1).optional(),
        /** For the adapter, which checks them itself. */
        settings: z.record(z.string(), z.unknown()).optional(),
        sendQuota: quota,
        statusQuota: quota,
        sharedQuota: quota,
        maximumConcurrency: count.max(200),
        requestTimeoutSeconds: count.max(300),
        attemptsLimit: count.max(50),
        processingDeadlineSeconds: count,
        keyRetentionSeconds: count.default(86_400),
        pollStartSeconds: count,
        pollMaximumSeconds: count,
      })
      .refine(({ pollStartSeconds, pollMaximumSeconds }) => pollStartSeconds <= pollMaximumSeconds, {
        path: ['pollMaximumSeconds'],
        error: 'must be at least pollStartSeconds',
      }),
    sending: z.strictObject({
      /** Has no meaning any more; files of earlier versions name it. */
      packagesPerChunk: count.optional(),
      memoryMegabytes: z.int().min(128).max(10_240),
      timeoutSeconds: z.int().min(10).max(900),
      canary: z.int().nonnegative(),
      failureShareLimit: z.number().min(0).max(1),
    }),
    /** Packages that wait for a person before they are sent; absent: none do. */
    gate: z
      .strictObject({
        /** `variance`: those of clients unlike their own past; `always`: all. */
        mode: z.enum(['off', 'variance', 'always']),
        /** Clients are compared with so many closed periods before, at most; a year has 24. */
        periods: count.max(24).optional(),
        /** How long a run waits for a decision before it fails; a redrive asks anew. */
        approvalHours: count.max(LONGEST_APPROVAL_HOURS).optional(),
        /** Who may approve and refuse; absent: whoever may call the command. */
        approvers: z.array(principal).min(1).max(50).optional(),
      })
      .optional(),
    operations: z.strictObject({
      scheduleEnabled: z.boolean(),
      logRetentionDays: z.literal(LOG_RETENTION_DAYS),
      /** Tables and queues survive the removal of the stack, and tables refuse to be deleted. */
      retainData: z.boolean(),
      /** Who gets the alarms by mail; AWS asks the address once to confirm. */
      alarmEmail: z.email().optional(),
      /** A topic of yours that gets the alarms too, such as that of a paging service. */
      alarmTopicArn: z
        .string()
        .regex(/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:[\w-]+$/, 'must be the ARN of an SNS topic')
        .optional(),
      /** Real money goes through this stage: it is not packaged while nobody would get its alarms. */
      production: z.boolean(),
      /** Certificates are signed with a key of the stage in KMS, which costs a dollar a month. */
      signCertificates: z.boolean(),
      /** The KMS key of your own under which the invoice API's token is stored; none for the key of AWS. */
      tokenKeyArn: z
        .string()
        .regex(/^arn:aws[a-z-]*:kms:[a-z0-9-]+:\d{12}:key\/[\w-]+$/, 'must be the ARN of a KMS key')
        .optional(),
      /** An alarm rings when far fewer events are counted than usual at that hour and day of the week. */
      watchEventVolume: z.boolean(),
      /** A mail to the receivers of alarms when the stage's month costs more, or will by the forecast; none without. */
      monthlyBudgetDollars: z.number().positive().optional(),
      /** Events should be counted within this time; an older one on the queue raises an alarm. */
      oldestEventMinutes: count.max(14 * 24 * 60),
      /** A period should be closed this long after its schedule. */
      closeWithinHours: count.max(14 * 24),
    }),
  })
  .refine((settings) => settings.billing.eventMaxAgeDays >= leastEventMaxAgeDays(settings), {
    path: ['billing', 'eventMaxAgeDays'],
    error: ({ input }) =>
      `must be at least ${leastEventMaxAgeDays(input as AgeLimits)}: 16 days of a period, billing.graceHours and ` +
      'operations.closeWithinHours, or slices could expire before a run has read them',
  })
  .refine(({ ingest }) => ingest.batchSize <= LARGEST_BATCH_AT_ONCE || ingest.batchWindowSeconds > 0, {
    path: ['ingest', 'batchWindowSeconds'],
    // https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
    error: `must be at least 1 with a batchSize above ${LARGEST_BATCH_AT_ONCE}, or Lambda refuses the deployment`,
  })
  .refine(({ invoiceApi, sending }) => sending.timeoutSeconds >= 2 * invoiceApi.requestTimeoutSeconds + 20, {
    path: ['sending', 'timeoutSeconds'],
    // A turn ends a request's time-out and ten seconds before its Lambda does; with less it would be over before it
    // begins.
    error:
      'must be at least twice invoiceApi.requestTimeoutSeconds and 20 more, or no turn of sending has time to begin',
  });

/** The settings of one stage, checked. */
export type Settings = z.infer<typeof settingsSchema>;

/** A settings file that cannot be used; the message names every fault with its path. */
export class InvalidSettings extends Error {
  override readonly name = 'InvalidSettings';
  readonly code = 'INVALID_SETTINGS';
}

/**
 * Reads and checks the settings of a stage.
 * @throws InvalidSettings naming each unknown key and bad value with its path, or the stages that there are
 */
export function readSettings(stage: string): Settings {
  const stages = readdirSync(new URL('.', import.meta.url)).flatMap((name) => name.match(/^([^.]+)\.yml$/)?.[1] ?? []);
  if (!stages.includes(stage)) {
    throw new InvalidSettings(
      `config/${stage}.yml does not exist: copy the settings of another stage (${stages.join(', ')})`,
    );
  }
  const text = readFileSync(new URL(`./${stage}.yml`, import.meta.url), 'utf8');
  return parseSettings(parse(text), `config/${stage}.yml`);
}

/**
 * Checks settings that were read from a file.
 * @param file its name, for the message
 * @throws InvalidSettings naming each unknown key and bad value with its path
 */
export function parseSettings(settings: unknown, file: string): Settings {
  const parsed = settingsSchema.safeParse(settings);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `  ${issue.path.join('.') || '(top)'}: ${issue.message}`);
  throw new InvalidSettings(`${file} cannot be used:\n${faults.join('\n')}`);
}

/**
 * When the schedule starts a run: `graceHours` after each half month has ended, in the billing time zone.
 * A cron expression of EventBridge Scheduler
 * (https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html#cron-based).
 */
export function scheduleOf(settings: Settings): { expression: string; state: 'ENABLED' | 'DISABLED' } {
  const { graceHours } = settings.billing;
  const graceDays = Math.floor(graceHours / 24);
  return {
    expression: `cron(0 ${graceHours % 24} ${1 + graceDays},${16 + graceDays} * ? *)`,
    state: settings.operations.scheduleEnabled ? 'ENABLED' : 'DISABLED',
  };
}

/** What packaging needs to know of the archive; without one it changes no bundle. */
export interface ArchivePackaging {
  enabled: boolean;
  retentionDays: number;
  waitSeconds: number;
  /** esbuild's option of this name. */
  alias: Record<string, string>;
}

/** What the template needs and a person should not have to work out. */
export interface DerivedSettings {
  /** Six times the function's time-out plus the batching window, as AWS advises for a queue that feeds a Lambda. */
  eventsVisibilitySeconds: number;
  deletionPolicy: 'Retain' | 'Delete';
  archive: ArchivePackaging;
  /** SHA-256, in hex, of the settings as canonical JSON: a closing certificate says by which settings its run went. */
  configurationHash: string;
  gate: DerivedGate;
}

/** The gate as the template needs it, with what a stage does not say. */
export interface DerivedGate {
  mode: 'off' | 'variance' | 'always';
  periods: number;
  approvalSeconds: number;
  /** ARNs with commas between; `anybody` where the stage names none. */
  approvers: string;
}

/** Three months tell what is usual. */
const USUAL_PERIODS = 6;
/** Over a weekend and a day. */
const USUAL_APPROVAL_HOURS = 72;

function derivedGate({ gate }: Settings): DerivedGate {
  return {
    mode: gate?.mode ?? 'off',
    periods: gate?.periods ?? USUAL_PERIODS,
    approvalSeconds: (gate?.approvalHours ?? USUAL_APPROVAL_HOURS) * 3_600,
    approvers: gate?.approvers?.join(',') ?? 'anybody',
  };
}

/** Works out what follows from the settings (see {@link DerivedSettings}). */
export function derivedFrom(settings: Settings): DerivedSettings {
  const { ingest, operations } = settings;
  return {
    archive: archivePackaging(settings),
    eventsVisibilitySeconds: 6 * ingest.timeoutSeconds + ingest.batchWindowSeconds,
    deletionPolicy: operations.retainData ? 'Retain' : 'Delete',
    configurationHash: createHash('sha256')
      .update(canonicalize(settings) ?? '')
      .digest('hex'),
    gate: derivedGate(settings),
  };
}

function archivePackaging({ archive }: Settings): ArchivePackaging {
  if (!archive?.enabled) return { enabled: false, retentionDays: 0, waitSeconds: 0, alias: {} };
  return { ...archive, alias: { '#event-archive': fileURLToPath(new URL('functions/wiring/s3-archive.ts', ROOT)) } };
}

/** By its name: an offset knows no daylight saving, and EventBridge Scheduler refuses it when it is deployed. */
function isTimeZone(name: string): boolean {
  if (/^[+-]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
