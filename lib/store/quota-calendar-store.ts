import { setTimeout as delay } from 'node:timers/promises';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { assertKnownVersion } from '../errors/unknown-version.ts';
import { EMPTY_CALENDAR, type QuotaCalendar } from '../quota/calendar.ts';
import type { PastRequests } from '../quota/history.ts';
import { quotaCalendarKey } from './keys.ts';

/** So many others changed the quota calendar at the same time that our change never got through. Trying again is right. */
export class QuotaCalendarContended extends HalfmonthError {
  readonly code = 'QUOTA_CALENDAR_CONTENDED';
}

const TRIES = 30;

/** A calendar as it is stored, and the counter that guards it. */
interface StoredCalendar {
  calendar: QuotaCalendar;
  version: number;
}

/** The quota calendar of one invoice API: one item, changed by compare-and-set. */
export class QuotaCalendarStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #name: string;

  constructor(documents: DynamoDBDocumentClient, table: string, name: string) {
    this.#documents = documents;
    this.#table = table;
    this.#name = name;
  }

  /** The calendar as it stands. */
  async load(): Promise<QuotaCalendar> {
    return (await this.#load()).calendar;
  }

  /**
   * Changes the calendar: reads it, applies the change, writes it if nobody else did meanwhile, and begins anew if so.
   * @param change is called once for each try and must do nothing else
   * @throws QuotaCalendarContended after 30 tries
   */
  async change<Answer extends { calendar: QuotaCalendar }>(
    change: (calendar: QuotaCalendar) => Answer,
  ): Promise<Answer> {
    for (let tries = 0; tries < TRIES; tries++) {
      const { calendar, version } = await this.#load();
      const answer = change(calendar);
      if (await this.#save(answer.calendar, version)) return answer;
      await delay(Math.random() * Math.min(10 * 2 ** tries, 500));
    }
    throw new QuotaCalendarContended(`The quota calendar ${this.#name} was changed by others ${TRIES} times in a row.`);
  }

  async #load(): Promise<StoredCalendar> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: quotaCalendarKey(this.#name), ConsistentRead: true }),
    );
    if (!Item) return { calendar: EMPTY_CALENDAR, version: 0 };
    assertKnownVersion(`The quota calendar ${this.#name}`, Item.schemaVersion);
    // The item was written by #save; nobody else writes under this key.
    const { version, past, ...rest } = Item as StoredItem;
    return { version, calendar: { ...EMPTY_CALENDAR, ...rest.calendar, past: past.map(unpacked) } };
  }

  async #save({ past, ...calendar }: QuotaCalendar, version: number): Promise<boolean> {
    const item: StoredItem = { version: version + 1, calendar, past: past.map(packed) };
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
