import { type DynamoDBDocumentClient, GetCommand, UpdateCommand } from '@aws-sdk/lib-dynamodb';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import { periodKey } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** The run of a period that waits for approval, or waited last. */
export interface AwaitedApproval {
  runId: string;
  executionArn: string;
  /** What Step Functions wants to hear to go on. */
  taskToken: string;
  /** RFC 3339, UTC. */
  askedAt: string;
}

/**
 * Who waits for approval in a period, and how often people have decided there: one item, so that a decision and the
 * question that comes at the same time see each other.
 */
export class ApprovalStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  /** How often people have decided in a period so far, read consistently. */
  async decisions(periodId: PeriodId): Promise<number> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: approvalKey(periodId), ConsistentRead: true }),
    );
    // Written by decided alone.
    return (Item?.decisions as number | undefined) ?? 0;
  }

  /** Says who waits. @returns how often people have decided by now */
  async ask(periodId: PeriodId, { runId, executionArn, taskToken, askedAt }: AwaitedApproval): Promise<number> {
    const { Attributes } = await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: approvalKey(periodId),
        UpdateExpression: 'SET runId = :run, executionArn = :arn, taskToken = :token, askedAt = :at',
        ExpressionAttributeValues: { ':run': runId, ':arn': executionArn, ':token': taskToken, ':at': askedAt },
        ReturnValues: 'ALL_NEW',
      }),
    );
    return (Attributes?.decisions as number | undefined) ?? 0;
  }

  /** Counts a decision, once it is made. @returns who waits for it, or waited last; undefined where nobody ever did */
  async decided(periodId: PeriodId): Promise<AwaitedApproval | undefined> {
    const { Attributes } = await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: approvalKey(periodId),
        UpdateExpression: 'ADD decisions :one',
        ExpressionAttributeValues: { ':one': 1 },
        ReturnValues: 'ALL_NEW',
      }),
    );
    // Written by ask alone.
    return Attributes?.taskToken === undefined ? undefined : (Attributes as AwaitedApproval);
  }
}

function approvalKey(periodId: PeriodId) {
  return periodKey(periodId, 'approval');
}
