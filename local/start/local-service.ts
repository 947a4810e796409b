import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient, ScanCommand } from '@aws-sdk/client-dynamodb';
import { SFNClient } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { documentClientOf } from '../../lib/store/document-client.ts';
import type { Tables } from '../../lib/store/tables.ts';
import { type LocalCloud, type LocalCloudOptions, startLocalCloud } from '../cloud/local-cloud.ts';
import type { ObservedBatch } from '../cloud/observer.ts';

/** The service on the local cloud, with clients to talk to it as to AWS. */
export interface LocalService {
  cloud: LocalCloud;
  dynamodb: DynamoDBClient;
  documents: DynamoDBDocumentClient;
  sqs: SQSClient;
  sfn: SFNClient;
  tables: Tables;
  queues: { events: string; rejected: string; deadLetters: string };
  stateMachineArn: string;
  /** Where the lines that the functions write are kept. */
  logFile: string;
  /** Why the last batch of messages failed as a whole, if one did. */
  lastBatchFailure(): string | undefined;
  stop(): Promise<void>;
}

/** How to start the service. */
export interface LocalServiceOptions extends Pick<LocalCloudOptions, 'transformTemplate' | 'interceptTask'> {
  /** From `packageService`. */
  packageFolder: string;
  /** The folder for logs, and for data when they are kept. */
  folder: string;
  keepData: boolean;
  environmentOverrides: Record<string, string>;
  parameters?: Record<string, string>;
}

/** The tables hold what this start did not put there. */
export class DataFound extends Error {
  override readonly name = 'DataFound';
  readonly code = 'DATA_FOUND';
}

/**
 * Starts the packaged service on the local cloud.
 * @throws DynamoDbEngineMissing, DynamoDbEngineFailed, PortTaken and the other errors of `startLocalCloud`
 */
export async function startLocalService(options: LocalServiceOptions): Promise<LocalService> {
  mkdirSync(options.folder, { recursive: true });
  const logFile = join(options.folder, 'functions.log');
  const log = createWriteStream(logFile);
  let batchFailure: string | undefined;
  const { packageFolder, transformTemplate, interceptTask } = options;
  const cloud = await startLocalCloud({
    packageFolder,
    ...(transformTemplate ? { transformTemplate } : {}),
    ...(interceptTask ? { interceptTask } : {}),
    ...(options.keepData ? { dataFolder: join(options.folder, 'data') } : {}),
    environmentOverrides: options.environmentOverrides,
    ...(options.parameters ? { parameters: options.parameters } : {}),
    observer: {
      onLog: ({ functionName, line }) => log.write(`${functionName} ${line}\n`),
      onBatch: (batch) => {
        batchFailure = failureOf(batch) ?? batchFailure;
      },
    },
  });
  const access = { region: cloud.region, credentials: cloud.credentials };
  const dynamodb = new DynamoDBClient({ ...access, endpoint: cloud.endpoints.dynamodb });
  const sqs = new SQSClient({ ...access, endpoint: cloud.endpoints.sqs });
  const sfn = new SFNClient({ ...access, endpoint: cloud.endpoints.stepFunctions });
  const output = (name: string) => outputOf(cloud, name);
  return {
    cloud,
    dynamodb,
    documents: documentClientOf(dynamodb),
    sqs,
    sfn,
    tables: {
      client: dynamodb,
      usageSlices: output('UsageSlicesTableName'),
      dailyRecords: output('DailyRecordsTableName'),
      packages: output('PackagesTableName'),
      runs: output('RunsTableName'),
    },
    queues: {
      events: output('EventsQueueUrl'),
      rejected: output('RejectedQueueUrl'),
      deadLetters: output('EventsDeadLetterQueueUrl'),
    },
    stateMachineArn: output('BillingPeriodStateMachineArn'),
    logFile,
    lastBatchFailure: () => batchFailure,
    async stop() {
      for (const client of [dynamodb, sqs, sfn]) client.destroy();
      await cloud.stop();
      log.end();
    },
  };
}

/** Checks that counting begins at nothing. @throws DataFound */
export async function assertEmpty({ dynamodb, tables, cloud }: LocalService): Promise<void> {
  const { Count } = await dynamodb.send(new ScanCommand({ TableName: tables.usageSlices, Limit: 1 }));
  if (!Count) return;
  throw new DataFound(
    `The DynamoDB at ${cloud.engineEndpoint} holds usage already, so the account could not balance. ` +
      'Unset AWS_ENDPOINT_URL_DYNAMODB, or point it to an empty one.',
  );
}

function outputOf({ outputs }: LocalCloud, name: string): string {
  const value = outputs[name];
  if (value === undefined) throw new Error(`the stack has no output ${name} (resources/outputs.yml)`);
  return value;
}

function failureOf({ failed, messages, reason }: ObservedBatch): string | undefined {
  if (reason) return reason;
  return failed > 0 ? `${failed} of ${messages} messages failed` : undefined;
}
