import * as z from 'zod/mini';
import { CommandFailed } from '../terminal/errors.ts';
import type { CloudOutputs } from './cloud.ts';

const outputsSchema = z.object({
  EventsQueueUrl: z.string(),
  EventsDeadLetterQueueUrl: z.string(),
  RejectedQueueUrl: z.string(),
  BillingPeriodStateMachineArn: z.string(),
  UsageSlicesTableName: z.string(),
  DailyRecordsTableName: z.string(),
  PackagesTableName: z.string(),
  RunsTableName: z.string(),
  BillingTimeZone: z.string(),
  SliceMinutes: z.string(),
  EventMaxAgeDays: z.string(),
  InvoiceApiUrl: z.string(),
  InvoiceApiTokenParameter: z.string(),
  SendQuota: z.string(),
  StatusQuota: z.string(),
  SharedQuota: z.string(),
  ConfigurationHash: z.string(),
  GateMode: z.optional(z.string()),
  GateApprovers: z.optional(z.string()),
  InvoiceApiAdapter: z.optional(z.string()),
  InvoiceApiSettings: z.optional(z.string()),
  CertificateKeyId: z.optional(z.string()),
  ArchiveBucketName: z.optional(z.string()),
  AlarmTopicArn: z.optional(z.string()),
}) satisfies z.ZodMiniType<CloudOutputs>;

/**
 * A stack's outputs, all that commands need of them.
 * @param whose such as `The stack halfmonth-dev`
 * @param next what to do when one is missing
 * @throws CommandFailed naming those that are missing
 */
export function checkedOutputs(outputs: Record<string, string>, whose: string, next: string): CloudOutputs {
  const parsed = outputsSchema.safeParse(outputs);
  if (parsed.success) return parsed.data;
  const missing = parsed.error.issues.map(({ path }) => path.join('.'));
  throw new CommandFailed(
    'OUTPUTS_MISSING',
    `${whose} has no output ${missing.join(', ')}: it is of another version than this command line. ${next}`,
  );
}
