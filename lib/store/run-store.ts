import { randomInt } from 'node:crypto';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  BatchWriteCommand,
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { ClientRange } from '../chunks/bounds.ts';
import { assertKnownVersion } from '../errors/halfmonth-error.ts';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import { pauseBefore } from './handed-back.ts';
import { type PrimaryKey, periodKey, runKey } from './keys.ts';
import { pagesOf } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** The execution that has a period to itself. */
export interface PeriodLock {
  executionArn: string;
  runId: string;
  /** RFC 3339, UTC. */
  takenAt: string;
  /** The execution is for some clients alone; absent where it is for all, and in locks of earlier versions. */
  isForSome?: true;
}

/** Whether a period has been closed. Counting calls an event late when it finds `closedAt`. */
export interface PeriodState {
  /** RFC 3339, UTC: when the first run that covers every client began to read the period. Never changes. */
  closedAt: string;
  /** The run that set `closedAt`. */
  closedByRun: string;
  /** RFC 3339, UTC: when a run was last finished, whole. */
  lastClosedAt?: string;
  lastClosedByRun?: string;
}

/** The clients of a run's chunk and the records they are expected to have. */
export interface StoredChunk {
  ranges: ClientRange[];
  weight: number;
}

/** What is worth knowing of a run afterwards; `period`, `mode` and the rest of its context with it. */
export type RunRecord = Record<string, unknown> & { runId: string; startedAt: string };

/** Items that only a run in progress and its readers need go away after this many days. */
const RUN_ITEMS_LIVE_DAYS = 90;
const SECONDS_PER_DAY = 86_400;
const BATCH_WRITE_LIMIT = 25;

/**
 * The runs table: locks, period states, run records, chunk bounds, and what workers leave for later steps. Whatever
 * loads an item throws UnknownVersion for one that a newer version wrote.
 */
export class RunStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  /** The lock of a period, read consistently. */
  async loadLock(periodId: PeriodId): Promise<PeriodLock | undefined> {
    // Written by takeLock alone.
    return (await this.#load(periodKey(periodId, 'lock'))) as PeriodLock | undefined;
  }

  /**
   * Takes the lock when it is free, held by the same execution already, or held by `deadExecutionArn`.
   * @returns false when another execution has it
   */
  async takeLock(periodId: PeriodId, lock: PeriodLock, deadExecutionArn?: string): Promise<boolean> {
    return this.#succeeds(
      new PutCommand({
        TableName: this.#table,
        Item: { ...periodKey(periodId, 'lock'), ...lock },
        ConditionExpression: 'attribute_not_exists(pk) OR executionArn IN (:own, :dead)',
        ExpressionAttributeValues: { ':own': lock.executionArn, ':dead': deadExecutionArn ?? lock.executionArn },
      }),
    );
  }

  /** Releases the lock if this execution has it; otherwise changes nothing. */
  async releaseLock(periodId: PeriodId, executionArn: string): Promise<void> {
    await this.#succeeds(
      new DeleteCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'lock'),
        ConditionExpression: 'executionArn = :own',
        ExpressionAttributeValues: { ':own': executionArn },
      }),
    );
  }

  /** Whether and when a period was closed; nothing while it is open. */
  async loadPeriodState(periodId: PeriodId): Promise<PeriodState | undefined> {
    // Written by the two methods below.
    return (await this.#load(periodKey(periodId, 'state'))) as PeriodState | undefined;
  }

  /** From now on, events of the period are late. The first time counts. */
  async markClosed(periodId: PeriodId, runId: string, at: string): Promise<void> {
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'state'),
        UpdateExpression: 'SET closedAt = if_not_exists(closedAt, :at), closedByRun = if_not_exists(closedByRun, :run)',
        ExpressionAttributeValues: { ':at': at, ':run': runId },
      }),
    );
  }

  /** A run over every client has finished. */
  async markFinished(periodId: PeriodId, runId: string, at: string): Promise<void> {
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'state'),
        UpdateExpression:
          'SET lastClosedAt = :at, lastClosedByRun = :run, closedAt = if_not_exists(closedAt, :at), ' +
          'closedByRun = if_not_exists(closedByRun, :run)',
        ExpressionAttributeValues: { ':at': at, ':run': runId },
      }),
    );
  }

  /** Keeps what is known of a run; what was known before stays where it is not named again. */
  async updateRunRecord(periodId: PeriodId, record: RunRecord): Promise<void> {
    const fields = Object.entries(record).filter(([, value]) => value !== undefined);
    await this.#documents.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'run', record.startedAt, record.runId),
        UpdateExpression: `SET ${fields.map((_, index) => `#${index} = :${index}`).join(', ')}`,
        ExpressionAttributeNames: Object.fromEntries(fields.map(([name], index) => [`#${index}`, name])),
        ExpressionAttributeValues: Object.fromEntries(fields.map(([, value], index) => [`:${index}`, value])),
      }),
    );
  }

  /** One run of a period. @throws UnknownVersion */
  async loadRunRecord(periodId: PeriodId, startedAt: string, runId: string): Promise<RunRecord | undefined> {
    // Written by updateRunRecord alone.
    return (await this.#load(periodKey(periodId, 'run', startedAt, runId))) as RunRecord | undefined;
  }

  /** The runs of a period, the latest first. @throws UnknownVersion */
  async listRunRecords(periodId: PeriodId, limit = 20): Promise<RunRecord[]> {
    const { pk, sk } = periodKey(periodId, 'run', '');
    const { Items = [] } = await this.#documents.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
        ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
        ScanIndexForward: false,
        Limit: limit,
        ConsistentRead: true,
      }),
    );
    return Items.map((item) => {
      assertKnownVersion(`Run ${item.runId} of ${periodId}`, item.schemaVersion);
      // Written by updateRunRecord alone.
      return item as RunRecord;
    });
  }

  /** A period's state and all its runs, the latest first, in one read. @throws UnknownVersion */
  async loadPeriod(periodId: PeriodId): Promise<{ state: PeriodState | undefined; runs: RunRecord[] }> {
    const state = periodKey(periodId, 'state');
    const { sk: run } = periodKey(periodId, 'run', '');
    const query = {
      TableName: this.#table,
      // Between the first run and the state there is nothing else.
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :run AND :state',
      ExpressionAttributeValues: { ':pk': state.pk, ':run': run, ':state': state.sk },
      ScanIndexForward: false,
      ConsistentRead: true,
    };
    const found: { state: PeriodState | undefined; runs: RunRecord[] } = { state: undefined, runs: [] };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      for (const item of Items) {
        assertKnownVersion(`The item ${item.pk} ${item.sk} of the runs table`, item.schemaVersion);
        // Written by markClosed, markFinished and updateRunRecord alone.
        if (item.sk === state.sk) found.state = item as PeriodState;
        else found.runs.push(item as RunRecord);
      }
    }
    return found;
  }

  /** Keeps the chunks of a run, numbered from 1. */
  async saveChunks(runId: string, chunks: readonly StoredChunk[]): Promise<void> {
    const expiresAt = expiry();
    const items = chunks.map((chunk, index) => ({ ...runKey(runId, 'chunk', index + 1), ...chunk, expiresAt }));
    for (let start = 0; start < items.length; start += BATCH_WRITE_LIMIT) {
      await this.#writeAll(items.slice(start, start + BATCH_WRITE_LIMIT));
    }
    await this.#documents.send(
      new PutCommand({
        TableName: this.#table,
        Item: { ...runKey(runId, 'plan'), chunkCount: chunks.length, expiresAt },
      }),
    );
  }

  /** How many chunks a run was split in. */
  async loadChunkCount(runId: string): Promise<number> {
    const plan = await this.#load(runKey(runId, 'plan'));
    return (plan?.chunkCount as number | undefined) ?? 0;
  }

  /** One chunk of a run. */
  async loadChunk(runId: string, chunk: number): Promise<StoredChunk | undefined> {
    // Written by saveChunks alone.
    return (await this.#load(runKey(runId, 'chunk', chunk))) as StoredChunk | undefined;
  }

  /**
   * Keeps a JSON value of any size under a run, in pages. The same kind and numbers overwrite what was there, so a step
   * that is taken again leaves one value. The pages after the first have keys of their own each time, and the first
   * goes last: a process that dies in between leaves the value that was there.
   */
  async saveValue(runId: string, kind: string, numbers: readonly number[], value: unknown): Promise<void> {
    const texts = pagesOf(JSON.stringify(value));
    const expiresAt = expiry();
    const generation = randomInt(LARGEST_GENERATION);
    for (const [page, text] of [...texts.entries()].reverse()) {
      const key =
        page === 0 ? runKey(runId, kind, ...numbers, 0) : laterPageKey(runId, kind, [...numbers, generation, page]);
      const head = page === 0 && texts.length > 1 ? { generation, schemaVersion: PAGES_OF_A_GENERATION } : {};
      await this.#documents.send(
        new PutCommand({ TableName: this.#table, Item: { ...key, text, pages: texts.length, ...head, expiresAt } }),
      );
    }
  }

  /** A value that `saveValue` kept. */
  async loadValue<Value>(runId: string, kind: string, numbers: readonly number[]): Promise<Value | undefined> {
    const first = await this.#load(runKey(runId, kind, ...numbers, 0), PAGES_OF_A_GENERATION);
    if (!first) return undefined;
    // Written below and above.
    const { pages, generation } = first as { pages: number; generation?: number };
    let text = first.text as string;
    for (let page = 1; page < pages; page++) {
      const item = await this.#load(
        // Pages of version 1 have no generation.
        generation === undefined
          ? runKey(runId, kind, ...numbers, page)
          : laterPageKey(runId, kind, [...numbers, generation, page]),
      );
      if (!item) return undefined;
      text += item.text as string;
    }
    // What went in as this type comes out as it; kind and numbers name one type each.
    return JSON.parse(text) as Value;
  }

  async #load(key: PrimaryKey, known = 1): Promise<Record<string, unknown> | undefined> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: key, ConsistentRead: true }),
    );
    assertKnownVersion(`The item ${key.pk} ${key.sk} of the runs table`, Item?.schemaVersion, known);
    return Item;
  }

  async #succeeds(command: PutCommand | DeleteCommand): Promise<boolean> {
    try {
      // Both commands go to the same client; the overloads of `send` want one at a time.
      await this.#documents.send(command as PutCommand);
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async #writeAll(items: Record<string, unknown>[]): Promise<void> {
    let requests = items.map((Item) => ({ PutRequest: { Item } }));
    for (let attempt = 0; requests.length > 0; attempt++) {
      await pauseBefore(attempt);
      const { UnprocessedItems } = await this.#documents.send(
        new BatchWriteCommand({ RequestItems: { [this.#table]: requests } }),
      );
      // What DynamoDB hands back is what it was given.
      requests = (UnprocessedItems?.[this.#table] ?? []) as typeof requests;
    }
  }
}

/** The version of a value whose later pages have keys of a generation. */
const PAGES_OF_A_GENERATION = 2;
/** What `randomInt` takes at most. */
const LARGEST_GENERATION = 2 ** 48 - 1;

function laterPageKey(runId: string, kind: string, numbers: readonly number[]): PrimaryKey {
  return runKey(runId, `${kind}-page`, ...numbers);
}

function expiry(): number {
  return Math.floor(Date.now() / 1000) + RUN_ITEMS_LIVE_DAYS * SECONDS_PER_DAY;
}
