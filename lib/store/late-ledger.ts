import { type DynamoDBDocumentClient, GetCommand, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { DecimalSum } from '../decimal/decimal.ts';
import { packageIdOf } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { LateEvent, MeterTotals } from '../usage/records.ts';
import { AFTER_EVERYTHING, BUCKETS, lateLedgerKey, periodPartition, SEPARATOR } from './keys.ts';

/** A late event that a package speaks for. */
export interface BilledLateEvent extends LateEvent {
  part: number;
  /** The first revision that holds it; 0 where late events cancelled each other out and there was nothing to bill. */
  revision: number;
}

/** One line of the ledger. */
export interface LateLine extends LateEvent {
  clientId: string;
  /** The package and its revision that hold it; absent while it is open. */
  billed?: { packageId: string; revision: number };
}

/** Late usage that no package holds yet. */
export interface OpenLateUsage {
  events: number;
  /** Exact sums by meter. */
  totals: MeterTotals;
}

const PREFIX = `late${SEPARATOR}`;

/**
 * What became of events that were counted after their period's close. Usage slices list them and go away in time; the
 * ledger, beside the packages, stays.
 */
export class LateLedger {
  readonly #documents: DynamoDBDocumentClient;
  readonly #tables: { packages: string; usageSlices: string };

  constructor(documents: DynamoDBDocumentClient, tables: { packages: string; usageSlices: string }) {
    this.#documents = documents;
    this.#tables = tables;
  }

  /**
   * Records in which revision late events of one slice page are billed. An event that is in the ledger stays as it is, so the
   * same call again changes nothing.
   * @param billingOf the part and revision that hold an event, or nothing while none does
   */
  async record(
    partition: string,
    sliceSortKey: string,
    late: readonly LateEvent[],
    billingOf: (event: LateEvent) => { part: number; revision: number } | undefined,
  ): Promise<void> {
    const known = await this.#load(partition, sliceSortKey);
    const identities = new Set(known.map(({ identity }) => identity));
    const added = late.flatMap((event): BilledLateEvent[] => {
      const billing = identities.has(event.identity) ? undefined : billingOf(event);
      return billing ? [{ ...event, ...billing }] : [];
    });
    if (added.length === 0) return;
    await this.#documents.send(
      new PutCommand({
        TableName: this.#tables.packages,
        Item: { ...lateLedgerKey(partition, sliceSortKey), events: [...known, ...added] },
      }),
    );
  }

  /** Every late event of a period with what became of it: the billed ones first, then the open ones. */
  async *lines(periodId: PeriodId): AsyncGenerator<LateLine> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for await (const { sortKey, events } of this.#billedIn(periodPartition(periodId, bucket))) {
        const clientId = clientOf(sortKey);
        for (const { part, revision, ...event } of events) {
          yield { clientId, ...event, billed: { packageId: packageIdOf(periodId, clientId, part), revision } };
        }
      }
    }
    yield* this.#open(periodId);
  }

  /** How much late usage of a period is in no package yet. */
  async notYetBilled(periodId: PeriodId): Promise<OpenLateUsage> {
    const sums = new Map<string, DecimalSum>();
    let events = 0;
    for await (const { meter, quantity } of this.#open(periodId)) {
      events += 1;
      sums.set(meter, (sums.get(meter) ?? new DecimalSum()).add(quantity));
    }
    return { events, totals: Object.fromEntries([...sums].map(([meter, sum]) => [meter, sum.toString()])) };
  }

  async *#open(periodId: PeriodId): AsyncGenerator<LateLine> {
    for await (const { pk, sk, late } of this.#lateSlices(periodId)) {
      const billed = new Set((await this.#load(pk, sk)).map(({ identity }) => identity));
      for (const event of late) if (!billed.has(event.identity)) yield { clientId: clientOf(sk), ...event };
    }
  }

  async #load(partition: string, sliceSortKey: string): Promise<BilledLateEvent[]> {
    const { Item } = await this.#documents.send(
      new GetCommand({
        TableName: this.#tables.packages,
        Key: lateLedgerKey(partition, sliceSortKey),
        ConsistentRead: true,
      }),
    );
    // Written by record alone.
    return (Item?.events as BilledLateEvent[] | undefined) ?? [];
  }

  async *#billedIn(partition: string): AsyncGenerator<{ sortKey: string; events: BilledLateEvent[] }> {
    let start: Record<string, unknown> | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#documents.send(
        new QueryCommand({
          TableName: this.#tables.packages,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          ExpressionAttributeValues: { ':pk': partition, ':from': PREFIX, ':to': PREFIX + AFTER_EVERYTHING },
          ExclusiveStartKey: start,
        }),
      );
      // Written by record alone.
      for (const { sk, events } of Items as { sk: string; events: BilledLateEvent[] }[]) {
        yield { sortKey: sk.slice(PREFIX.length), events };
      }
      start = LastEvaluatedKey;
    } while (start);
  }

  async *#lateSlices(periodId: PeriodId): AsyncGenerator<{ pk: string; sk: string; late: LateEvent[] }> {
    let start: Record<string, unknown> | undefined;
    do {
      const { Items = [], LastEvaluatedKey } = await this.#documents.send(
        new QueryCommand({
          TableName: this.#tables.usageSlices,
          IndexName: 'lateUsage',
          KeyConditionExpression: 'latePeriod = :period',
          ExpressionAttributeValues: { ':period': periodId },
          ExclusiveStartKey: start,
        }),
      );
      // The index holds slices with late events alone, as counting wrote them.
      yield* Items as { pk: string; sk: string; late: LateEvent[] }[];
      start = LastEvaluatedKey;
    } while (start);
  }
}

function clientOf(sliceSortKey: string): string {
  return sliceSortKey.slice(0, sliceSortKey.indexOf(SEPARATOR));
}
