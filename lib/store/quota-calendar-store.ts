import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { assertKnownVersion, HalfmonthError } from '../errors/halfmonth-error.ts';
import { EMPTY_CALENDAR, type QuotaCalendar } from '../quota/calendar.ts';
import type { PastRequests } from '../quota/history.ts';
import { documentClientOf } from './document-client.ts';
import { quotaCalendarKey } from './keys.ts';
import type { TablesWith } from './tables.ts';

/**
 * So many others changed the quota calendar at the same time that our change never got through. Trying again is right.
 */
export class QuotaCalendarContended extends HalfmonthError {
  readonly code = 'QUOTA_CALENDAR_CONTENDED';
}

const TRIES = 30;
/** So many of the latest writes are known by name. During one write and the SDK's retries of it, others make fewer. */
const WRITES_KEPT = 10;

/** A calendar as it is stored, the counter that guards it, and who wrote it lately. */
interface StoredCalendar {
  calendar: QuotaCalendar;
  version: number;
  writes: readonly string[];
}

/** The quota calendar of one invoice API: one item, changed by compare-and-set. */
export class QuotaCalendarStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #name: string;

  constructor({ client, runs }: TablesWith<'runs'>, name: string) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
    this.#name = name;
  }

  /** The calendar as it stands. */
  async load(): Promise<QuotaCalendar> {
    return (await this.#load()).calendar;
  }

  /**
   * Changes the calendar: reads it, applies the change, writes it if no other did meanwhile, and begins anew if so.
   * @param change is called once for each try and must do nothing else
   * @throws QuotaCalendarContended after 30 tries
   */
  async change<Answer extends { calendar: QuotaCalendar }>(
    change: (calendar: QuotaCalendar) => Answer,
  ): Promise<Answer> {
    let refused: { write: string; answer: Answer } | undefined;
    for (let tries = 0; tries < TRIES; tries++) {
      const stored = await this.#load();
      // The SDK sends a write again when its answer was lost, and then meets what it has written itself.
      if (refused && stored.writes.includes(refused.write)) return refused.answer;
      const answer = change(stored.calendar);
      const write = randomUUID().slice(0, 8);
      if (await this.#save(answer.calendar, stored, write)) return answer;
      refused = { write, answer };
      await delay(Math.random() * Math.min(10 * 2 ** tries, 500));
    }
    throw new QuotaCalendarContended(`The quota calendar ${this.#name} was changed by others ${TRIES} times in a row.`);
  }

  async #load(): Promise<StoredCalendar> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: quotaCalendarKey(this.#name), ConsistentRead: true }),
    );
    if (!Item) return { calendar: EMPTY_CALENDAR, version: 0, writes: [] };
    assertKnownVersion(`The quota calendar ${this.#name}`, Item.schemaVersion);
    // The item was written by #save; nobody else writes under this key.
    const { version, past, writes = [], ...rest } = Item as StoredItem;
    return { version, writes, calendar: { ...EMPTY_CALENDAR, ...rest.calendar, past: past.map(unpacked) } };
  }

  async #save(
    { past, ...calendar }: QuotaCalendar,
    { version, writes }: StoredCalendar,
    write: string,
  ): Promise<boolean> {
    const item: StoredItem = {
      version: version + 1,
      writes: [...writes, write].slice(-WRITES_KEPT),
      calendar,
      past: past.map(packed),
    };
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...quotaCalendarKey(this.#name), ...item },
          ConditionExpression: 'attribute_not_exists(pk) OR #version = :version',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: { ':version': version },
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}

interface StoredItem {
  version: number;
  /** A name for each of the latest writes, the last at the end; absent from one that an earlier release wrote. */
  writes?: readonly string[];
  /** One that an earlier release wrote may lack `failuresInARow`. */
  calendar: Omit<QuotaCalendar, 'past' | 'failuresInARow'> & { failuresInARow?: number };
  /** `kind,at,slack,count,clock`: a text is a third of the size of a map. */
  past: string[];
}

function packed({ kind, at, slack, count, clock }: PastRequests): string {
  return [kind === 'send' ? 's' : 't', at, Math.min(slack, 1e9), count, clock].join(',');
}

function unpacked(text: string): PastRequests {
  const [kind, at, slack, count, clock] = text.split(',');
  return {
    kind: kind === 's' ? 'send' : 'status',
    at: Number(at),
    slack: Number(slack),
    count: Number(count),
    clock: clock ?? '',
  };
}
