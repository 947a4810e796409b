import { type DynamoDBClient, paginateQuery as paginateRawQuery } from '@aws-sdk/client-dynamodb';
import { paginateQuery } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { OUTSTANDING_STATES, PackageHead, PackageState } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import {
  AFTER_EVERYTHING,
  BUCKETS,
  bucketOf,
  clientPartition,
  documentPrefix,
  headOfKey,
  headPrefix,
  packageHeadKey,
  periodPartition,
} from './keys.ts';
import type { PackageSelection } from './outstanding-packages.ts';
import { type PackageRevision, packageHeadOf, packageRevisionOf } from './package-store.ts';
import { queryPages, textOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** Reads packages for people: whole periods and whole packages, at the pace of the reader. */
export class PackageReader {
  readonly #client: DynamoDBClient;
  readonly #table: string;

  constructor({ client, packages }: TablesWith<'packages'>) {
    this.#client = client;
    this.#table = packages;
  }

  /**
   * Every head of a period, by bucket and then by client; memory holds two pages.
   * @param options.after a package: those up to it are left out, and are not read
   * @param options.atOnce so many are read in one request; as many as it can hold where all are wanted
   */
  async *heads(
    periodId: PeriodId,
    { after, atOnce }: { after?: { clientId: string; part: number } | undefined; atOnce?: number | undefined } = {},
  ): AsyncGenerator<PackageHead> {
    const first = after && packageHeadKey(periodId, after.clientId, after.part);
    for (let bucket = after ? bucketOf(after.clientId) : 0; bucket < BUCKETS; bucket++) {
      const partition = periodPartition(periodId, bucket);
      // A sort key ends with the digits of the part, and "!" sorts before them: so begins the next package.
      yield* this.#heads(partition, headPrefix(), {
        from: first?.pk === partition ? `${first.sk}!` : undefined,
        atOnce,
      });
    }
  }

  /**
   * The heads of a period in one state, sought among all of them by DynamoDB itself, so that only those that match are
   * sent and read. One answer for each megabyte that was looked through, with what it found and the last package that
   * was looked at; nothing of `last` at the end of a bucket.
   * @param after a package: those up to it are left out
   */
  async *lookFor(
    periodId: PeriodId,
    state: PackageState,
    after?: { clientId: string; part: number },
  ): AsyncGenerator<{ heads: PackageHead[]; last?: { clientId: string; part: number } }> {
    const first = after && packageHeadKey(periodId, after.clientId, after.part);
    for (let bucket = after ? bucketOf(after.clientId) : 0; bucket < BUCKETS; bucket++) {
      const partition = periodPartition(periodId, bucket);
      const query = this.#query(partition, headPrefix(), first?.pk === partition ? `${first.sk}!` : undefined);
      const filtered = {
        ...query,
        FilterExpression: '#state = :state',
        ExpressionAttributeNames: { '#state': 'state' },
        ExpressionAttributeValues: { ...query.ExpressionAttributeValues, ':state': { S: state } },
      };
      for await (const { Items = [], LastEvaluatedKey } of paginateRawQuery({ client: this.#client }, filtered)) {
        const heads = Items.map((item) => packageHeadOf(unmarshall(item)));
        yield { heads, ...(LastEvaluatedKey ? { last: headOfKey(textOf(LastEvaluatedKey, 'sk')) } : {}) };
      }
    }
  }

  /** The heads of one client's packages. */
  async headsOfClient(periodId: PeriodId, clientId: string): Promise<PackageHead[]> {
    const heads: PackageHead[] = [];
    const prefix = headPrefix(clientId);
    for await (const head of this.#heads(clientPartition(periodId, clientId), prefix)) heads.push(head);
    return heads;
  }

  /** Every revision that is kept of a client's packages, in the order of parts and revisions. */
  async revisionsOfClient(periodId: PeriodId, clientId: string): Promise<PackageRevision[]> {
    const revisions: PackageRevision[] = [];
    const prefix = documentPrefix(clientId);
    for await (const items of queryPages(this.#client, this.#query(clientPartition(periodId, clientId), prefix))) {
      revisions.push(...items.map((item) => packageRevisionOf(unmarshall(item))));
    }
    return revisions;
  }

  async *#heads(partition: string, prefix: string, { from, atOnce }: ReadingOfHeads = {}): AsyncGenerator<PackageHead> {
    const query = { ...this.#query(partition, prefix, from), ...(atOnce ? { Limit: atOnce } : {}) };
    for await (const items of queryPages(this.#client, query)) {
      for (const item of items) yield packageHeadOf(unmarshall(item));
    }
  }

  #query(partition: string, prefix: string, from = prefix) {
    return {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: {
        ':pk': { S: partition },
        ':from': { S: from },
        ':to': { S: `${prefix}${AFTER_EVERYTHING}` },
      },
    };
  }
}

interface ReadingOfHeads {
  /** The sort key to begin with. */
  from?: string | undefined;
  atOnce?: number | undefined;
}

/** How many packages are in each state, and when the first lease ends (milliseconds since the epoch). */
export interface PackageCounts {
  states: Record<PackageState, number>;
  firstLeaseEndsAt?: number;
  /** When each package that is ready, but not before some later moment, is due: milliseconds since the epoch. */
  dueLater: number[];
  /**
   * What this run brought to an end, as far as the API decided: what people gave up and earlier runs did is not in it.
   */
  ofRun: { processed: number; failed: number };
}

/**
 * Counts packages by state from their heads, read consistently: the `outstanding` index may lag behind, and a run must
 * not end because a package was not yet in it.
 * @param options.signal ends the counting; what was asked for then fails
 * @param options.since what came to an end after it is the run's: when the run was started, in RFC 3339, UTC
 */
export async function countPackages(
  tables: TablesWith<'packages'>,
  { periodId, buckets, clients }: PackageSelection,
  { signal, since = '' }: { signal?: AbortSignal; since?: string } = {},
): Promise<PackageCounts> {
  const counts: PackageCounts = {
    states: { held: 0, ready: 0, sending: 0, submitted: 0, processed: 0, rejected: 0, parked: 0 },
    dueLater: [],
    ofRun: { processed: 0, failed: 0 },
  };
  const prefixes = clients
    ? clients.map((clientId) => ({ bucket: bucketOf(clientId), prefix: headPrefix(clientId) }))
    : Array.from({ length: BUCKETS }, (_, bucket) => ({ bucket, prefix: headPrefix() }));
  const ranges = prefixes.filter(({ bucket }) => bucket >= buckets.from && bucket <= buckets.to);
  // A run of thousands of named clients must not open thousands of connections at once.
  const iterator = ranges.values();
  const worker = async (): Promise<void> => {
    for (const { bucket, prefix } of iterator) {
      await countRange(tables, { partition: periodPartition(periodId, bucket), prefix, since, signal }, counts);
    }
  };
  await Promise.all(Array.from({ length: BUCKETS }, worker));
  return counts;
}

interface RangeToCount {
  partition: string;
  prefix: string;
  since: string;
  signal: AbortSignal | undefined;
}

async function countRange(
  { client, packages }: TablesWith<'packages'>,
  { partition, prefix, since, signal }: RangeToCount,
  counts: PackageCounts,
): Promise<void> {
  const query = {
    TableName: packages,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':pk': partition, ':from': prefix, ':to': `${prefix}${AFTER_EVERYTHING}` },
    ProjectionExpression: '#state, leaseUntil, dueAt, attempts',
    ConsistentRead: true,
  };
  const pages = paginateQuery({ client: documentClientOf(client) }, query, signal ? { abortSignal: signal } : {});
  for await (const { Items = [] } of pages) {
    // Heads alone have this prefix, and every head has a state.
    for (const item of Items) countOne(item as CountedHead, since, counts);
  }
}

/** A person decided, and the API did not. */
const DECISIONS_AGAINST: readonly string[] = ['give-up', 'refuse'];

type CountedHead = Pick<PackageHead, 'state' | 'leaseUntil' | 'dueAt' | 'attempts'>;

function countOne({ state, leaseUntil, dueAt, attempts }: CountedHead, since: string, counts: PackageCounts): void {
  counts.states[state] += 1;
  if (state === 'sending' && leaseUntil !== undefined)
    counts.firstLeaseEndsAt = Math.min(counts.firstLeaseEndsAt ?? leaseUntil, leaseUntil);
  if (state === 'ready' && dueAt !== undefined) counts.dueLater.push(dueAt);
  const last = attempts?.at(-1);
  if (!last || last.at < since || DECISIONS_AGAINST.includes(last.action)) return;
  if (state === 'processed') counts.ofRun.processed += 1;
  if (state === 'rejected' || state === 'parked') counts.ofRun.failed += 1;
}

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
 * Sums up what remains to be done from the `outstanding` index alone. It reads nothing of what is processed or
 * rejected, and on AWS may be a moment behind the heads.
 */
export async function summarizeOutstanding(
  tables: TablesWith<'packages'>,
  periodId: PeriodId,
): Promise<OutstandingSummary> {
  const summary: OutstandingSummary = { states: { held: 0, ready: 0, sending: 0, submitted: 0, parked: 0 } };
  const addBucket = async (bucket: number): Promise<void> => {
    for await (const entry of entriesOf(tables, periodPartition(periodId, bucket))) add(summary, entry);
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

async function* entriesOf({ client, packages }: TablesWith<'packages'>, partition: string): AsyncGenerator<IndexEntry> {
  const query = {
    TableName: packages,
    IndexName: 'outstanding',
    KeyConditionExpression: 'pk = :pk',
    ExpressionAttributeNames: { '#state': 'state' },
    ExpressionAttributeValues: { ':pk': partition },
    ProjectionExpression: '#state, packageId, submittedAt',
  };
  for await (const { Items = [] } of paginateQuery({ client: documentClientOf(client) }, query)) {
    // The index holds heads in these states alone, as packageHeadItem wrote them.
    yield* Items as IndexEntry[];
  }
}
