import { type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { OUTSTANDING_STATES } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import { BUCKETS, periodPartition } from './keys.ts';

type OutstandingState = (typeof OUTSTANDING_STATES)[number];

/** What remains to be done in a period. */
export interface OutstandingSummary {
  states: Record<OutstandingState, number>;
  /** The package that has been with the API longest; `submittedAt` in milliseconds since the epoch. */
  oldestSubmitted?: { packageId: string; submittedAt: number };
}

interface IndexEntry {
  state: OutstandingState;
  packageId: string;
  submittedAt?: number;
}

/**
 * Sums up what remains to be done from the `outstanding` index alone. It reads nothing of what is processed or rejected, and on
 * AWS may be a moment behind the heads.
 */
export async function summarizeOutstanding(
  documents: DynamoDBDocumentClient,
  table: string,
  periodId: PeriodId,
): Promise<OutstandingSummary> {
  const summary: OutstandingSummary = { states: { ready: 0, sending: 0, submitted: 0, parked: 0 } };
  const addBucket = async (bucket: number): Promise<void> => {
    for await (const entry of entriesOf(documents, table, periodPartition(periodId, bucket))) add(summary, entry);
  };
  await Promise.all(Array.from({ length: BUCKETS }, (_, bucket) => addBucket(bucket)));
  return summary;
}

function add(summary: OutstandingSummary, { state, packageId, submittedAt }: IndexEntry): void {
  summary.states[state] += 1;
  if (state !== 'submitted' || submittedAt === undefined) return;
  const { oldestSubmitted } = summary;
  if (!oldestSubmitted || submittedAt < oldestSubmitted.submittedAt)
    summary.oldestSubmitted = { packageId, submittedAt };
}

async function* entriesOf(
  documents: DynamoDBDocumentClient,
  table: string,
  partition: string,
): AsyncGenerator<IndexEntry> {
  const query = {
    TableName: table,
    IndexName: 'outstanding',
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':pk': partition },
    ProjectionExpression: '#state, packageId, submittedAt',
  };
  for await (const { Items = [] } of paginateQuery({ client: documents }, query)) {
    // The index holds heads in these states alone, as packageHeadItem wrote them.
    yield* Items as IndexEntry[];
  }
}
