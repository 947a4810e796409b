import { type AttributeValue, ConditionalCheckFailedException, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { FoldedDay } from '../packages/day-fold.ts';
import type { Day } from '../periods/days.ts';
import { totalsPageKey, totalsPagesOf } from './daily-record-items.ts';
import { dailyRecordKey, type PrimaryKey } from './keys.ts';

/** A day's record has come to hold more events than this fold of it: another worker has read its slices later. */
export class DailyRecordOutrun extends HalfmonthError {
  readonly code = 'DAILY_RECORD_OUTRUN';

  constructor(clientId: string, day: Day) {
    super(`The daily record of ${clientId} on ${day} was folded anew by another worker. The step may be run again.`);
  }
}

/** Daily records as packaging writes them. */
export class DailyRecordWriter {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(documents: DynamoDBDocumentClient, table: string) {
    this.#documents = documents;
    this.#table = table;
  }

  /**
   * Writes what a day's slices add up to; what counting keeps in the record stays. Meters that one item cannot hold go into pages,
   * which are written first, so that the record changes as a whole.
   * @throws DailyRecordOutrun when the record holds more events: a count of events never shrinks
   */
  async write(clientId: string, day: Day, folded: FoldedDay): Promise<void> {
    const { events, firstEventAt, lastEventAt } = folded;
    const { pages, fold } = totalsPagesOf(folded);
    const isPaged = pages.length > 1;
    for (const [page, totals] of isPaged ? pages.entries() : []) {
      await this.#update(totalsPageKey(clientId, day, fold, page), totals);
    }
    const own = isPaged ? undefined : pages[0];
    const fields = {
      clientId: { S: clientId },
      day: { S: day },
      totals: own?.totals,
      lastingTotals: own?.lastingTotals,
      lastingEvents: folded.lasting && { N: String(folded.lasting.events) },
      // Tells whether whoever wrote the totals last knew of the lasting part.
      lastingOf: folded.lasting && { N: String(events) },
      events: { N: String(events) },
      firstEventAt: firstEventAt === undefined ? undefined : { S: firstEventAt },
      lastEventAt: lastEventAt === undefined ? undefined : { S: lastEventAt },
      pages: isPaged ? { N: String(pages.length) } : undefined,
      fold: isPaged ? { S: fold } : undefined,
    };
    try {
      await this.#update(dailyRecordKey(clientId, day), fields, 'attribute_not_exists(#events) OR #events <= :events');
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) throw new DailyRecordOutrun(clientId, day);
      throw error;
    }
  }

  /** Sets what is given, and takes away what is undefined. */
  async #update(
    { pk, sk }: PrimaryKey,
    fields: Record<string, AttributeValue | undefined>,
    condition?: string,
  ): Promise<void> {
    const names = Object.keys(fields);
    const values = Object.entries(fields).filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined);
    const removed = names.filter((name) => fields[name] === undefined);
    const assignments = values.map(([name]) => `#${name} = :${name}`).join(', ');
    const removals = removed.length === 0 ? '' : ` REMOVE ${removed.map((name) => `#${name}`).join(', ')}`;
    await this.#documents.send(
      new UpdateItemCommand({
        TableName: this.#table,
        Key: { pk: { S: pk }, sk: { S: sk } },
        UpdateExpression: `SET ${assignments}${removals}`,
        ...(condition === undefined ? {} : { ConditionExpression: condition }),
        ExpressionAttributeNames: Object.fromEntries(names.map((name) => [`#${name}`, name])),
        ExpressionAttributeValues: Object.fromEntries(values.map(([name, value]) => [`:${name}`, value])),
      }),
    );
  }
}
