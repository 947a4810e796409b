import { type DynamoDBDocumentClient, paginateQuery } from '@aws-sdk/lib-dynamodb';
import type { PackageState } from '../packages/package.ts';
import { AFTER_EVERYTHING, BUCKETS, bucketOf, periodPartition } from './keys.ts';
import type { PackageSelection } from './outstanding-packages.ts';

/** How many packages are in each state, and when the first lease ends (milliseconds since the epoch). */
export interface PackageCounts {
  states: Record<PackageState, number>;
  firstLeaseEndsAt?: number;
}

/**
 * Counts packages by state from their heads, read consistently: the `outstanding` index may lag behind, and a run must
 * not end because a package was not yet in it.
 * @param signal ends the counting; what was asked for then fails
 */
export async function countPackages(
  documents: DynamoDBDocumentClient,
  table: string,
  { periodId, buckets, clients }: PackageSelection,
  signal?: AbortSignal,
): Promise<PackageCounts> {
  const counts: PackageCounts = {
    states: { ready: 0, sending: 0, submitted: 0, processed: 0, rejected: 0, parked: 0 },
  };
  const prefixes = clients
    ? clients.map((clientId) => ({ bucket: bucketOf(clientId), prefix: `head#${clientId}#` }))
    : Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket, prefix: 'head#' }));
  const ranges = prefixes.filter(({ bucket }) => bucket >= buckets.from && bucket <= buckets.to);
  // A run of thousands of named clients must not open thousands of connections at once.
  const iterator = ranges.values();
  const worker = async (): Promise<void> => {
    for (const { bucket, prefix } of iterator) {
      await countRange(documents, table, periodPartition(periodId, bucket), prefix, counts, signal);
    }
  };
  await Promise.all(Array.from({ length: BUCKETS }, worker));
  return counts;
}

async function countRange(
  documents: DynamoDBDocumentClient,
  table: string,
  partition: string,
  prefix: string,
  counts: PackageCounts,
  signal: AbortSignal | undefined,
): Promise<void> {
  const query = {
    TableName: table,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':pk': partition, ':from': prefix, ':to': `${prefix}${AFTER_EVERYTHING}` },
    ProjectionExpression: '#state, leaseUntil',
    ConsistentRead: true,
  };
  const pages = paginateQuery({ client: documents }, query, signal ? { abortSignal: signal } : {});
  for await (const { Items = [] } of pages) {
    for (const item of Items) {
      // Heads alone have this prefix, and every head has a state.
      const { state, leaseUntil } = item as { state: PackageState; leaseUntil?: number };
      counts.states[state] += 1;
      if (state === 'sending' && leaseUntil !== undefined) {
        counts.firstLeaseEndsAt = Math.min(counts.firstLeaseEndsAt ?? leaseUntil, leaseUntil);
      }
    }
  }
}
