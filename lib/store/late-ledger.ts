import { ConditionalCheckFailedException, type DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { MeterSums } from '../decimal/meter-sums.ts';
import { isAdditiveKind, measureOf } from '../meters/measure.ts';
import { packageIdOf } from '../packages/package.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { LateEvent, MeterTotals } from '../usage/records.ts';
import { documentClientOf } from './document-client.ts';
import {
  AFTER_EVERYTHING,
  BUCKETS,
  clientOfKey,
  lateLedgerKey,
  lateLedgerPrefix,
  type PrimaryKey,
  periodPartition,
} from './keys.ts';
import { batchGet } from './pages.ts';
import type { LatePage } from './slice-items.ts';
import { LatePages, type ListedPage } from './slice-items.ts';
import type { TablesWith } from './tables.ts';

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
  /** Exact sums by meter; of meters whose events do not add up, the number of events alone is known. */
  totals: MeterTotals;
  /** There may be more: time ran short before all of it was read. */
  isPartial?: true;
}

/** Where an event is billed. */
export interface Billing {
  part: number;
  revision: number;
}

/**
 * Events that were counted after their period's close, and which of them are billed. The pages of usage slices list
 * them; the ledger, beside the packages, says how each was billed. A page is listed in an index until the ledger knows
 * all its late events, so what is open is found without reading what is billed.
 */
export class LateLedger {
  readonly #client: DynamoDBClient;
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #pages: LatePages;

  constructor(tables: TablesWith<'packages' | 'usageSlices'>) {
    this.#client = tables.client;
    this.#documents = documentClientOf(tables.client);
    this.#table = tables.packages;
    this.#pages = new LatePages(tables);
  }

  /**
   * Records in which revision late events of a client's slice pages are billed, and takes pages out of the index of
   * which all are. First the one, then the other, so that a page which was left in between is only looked at once more.
   * An event that is in the ledger stays as it is, so the same call again changes nothing.
   * @param pages as they were read, with their versions
   * @param billingOf the part and revision that hold an event, or nothing while none does
   */
  async record(
    partition: string,
    clientId: string,
    pages: readonly LatePage[],
    billingOf: (event: LateEvent) => Billing | undefined,
  ): Promise<void> {
    const left = new Map(pages.map((page) => [page.sortKey, page]));
    for await (const { sortKey, events } of this.#recorded(partition, clientId)) {
      const page = left.get(sortKey);
      if (!page) continue;
      left.delete(sortKey);
      await this.#settle(partition, page, events, billingOf);
    }
    for (const page of left.values()) await this.#settle(partition, page, [], billingOf);
  }

  /** Every late event of a period: the billed ones first, then the open ones. */
  async *lines(periodId: PeriodId): AsyncGenerator<LateLine> {
    // Read before the ledger: what a run records meanwhile is then in one of the two, and told once.
    const open = new Map<string, LateLine>();
    for await (const line of this.open(periodId)) open.set(lineKey(line), line);
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      for await (const { sortKey, events } of this.#recorded(periodPartition(periodId, bucket))) {
        const clientId = clientOfKey(sortKey);
        for (const { part, revision, ...event } of events) {
          open.delete(lineKey({ clientId, ...event }));
          yield { clientId, ...event, billed: { packageId: packageIdOf(periodId, clientId, part), revision } };
        }
      }
    }
    yield* open.values();
  }

  /**
   * The late events of a period that no package holds yet.
   * @param clientId only this client's
   */
  async *open(periodId: PeriodId, clientId?: string): AsyncGenerator<LateLine> {
    for await (const pages of this.#pages.listed(periodId, clientId)) yield* await this.#openOf(pages);
  }

  /**
   * How much late usage of a period is in no package yet.
   * @param isTimeUp asked before each megabyte; once it says so, what was found so far is the answer
   * @param clients only theirs; everybody's without
   */
  async notYetBilled(
    periodId: PeriodId,
    isTimeUp: () => boolean = () => false,
    clients: readonly (string | undefined)[] = [undefined],
  ): Promise<OpenLateUsage> {
    const sums = new MeterSums();
    let events = 0;
    const found = (): OpenLateUsage => ({ events, totals: sums.totalsWithZeros() });
    if (isTimeUp()) return { ...found(), isPartial: true };
    for (const clientId of clients) {
      for await (const pages of this.#pages.listed(periodId, clientId)) {
        if (isTimeUp()) return { ...found(), isPartial: true };
        for (const { meter, kind, quantity } of await this.#openOf(pages)) {
          events += 1;
          // What it changes of a maximum or a latest is known once the day is folded.
          if (kind === undefined || isAdditiveKind(kind)) sums.add(measureOf(meter, kind), quantity);
        }
      }
    }
    return found();
  }

  /** Records one page's late events and, when the ledger knows them all, takes the page out of the index. */
  async #settle(
    partition: string,
    page: LatePage,
    recorded: readonly BilledLateEvent[],
    billingOf: (event: LateEvent) => Billing | undefined,
  ): Promise<void> {
    const key = { pk: partition, sk: page.sortKey };
    let known = recorded;
    for (;;) {
      const identities = new Set(known.map(({ identity }) => identity));
      const missing = page.events.filter(({ identity }) => !identities.has(identity));
      const added = missing.flatMap((event): BilledLateEvent[] => {
        const billing = billingOf(event);
        return billing ? [{ ...event, ...billing }] : [];
      });
      if (added.length === 0 || (await this.#append(key, known, added))) {
        if (page.isListed && added.length === missing.length) await this.#pages.unlist(key, page.version);
        return;
      }
      // Another writer has recorded something: there is less to record with each time.
      known = await this.#load(key);
    }
  }

  /** Only if the ledger holds what it was thought to hold, since two writers could otherwise undo each other. */
  async #append(
    page: PrimaryKey,
    known: readonly BilledLateEvent[],
    added: readonly BilledLateEvent[],
  ): Promise<boolean> {
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...lateLedgerKey(page.pk, page.sk), events: [...known, ...added] },
          // Events are only ever added, so their number is a version.
          ...(known.length === 0
            ? { ConditionExpression: 'attribute_not_exists(pk)' }
            : {
                ConditionExpression: 'size(#events) = :known',
                ExpressionAttributeNames: { '#events': 'events' },
                ExpressionAttributeValues: { ':known': known.length },
              }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  /** What the ledger does not know of the late events of some pages. */
  async #openOf(pages: readonly ListedPage[]): Promise<LateLine[]> {
    const keys = pages.map(({ pk, sk }) => lateLedgerKey(pk, sk));
    const billed = new Set<string>();
    for (const item of await batchGet(this.#client, this.#table, keys, { isConsistent: true })) {
      const { pk, sk, events } = unmarshall(item) as LedgerItem;
      for (const { identity } of events) billed.add(eventKey(pk, sk.slice(lateLedgerPrefix().length), identity));
    }
    return pages.flatMap(({ pk, sk, events }) =>
      events
        .filter(({ identity }) => !billed.has(eventKey(pk, sk, identity)))
        .map((event) => ({ clientId: clientOfKey(sk), ...event })),
    );
  }

  async #load(page: PrimaryKey): Promise<BilledLateEvent[]> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: lateLedgerKey(page.pk, page.sk), ConsistentRead: true }),
    );
    return (Item as LedgerItem | undefined)?.events ?? [];
  }

  /** The ledger of a partition, or of one client in it, in the order of slice pages. */
  async *#recorded(
    partition: string,
    clientId?: string,
  ): AsyncGenerator<{ sortKey: string; events: BilledLateEvent[] }> {
    const prefix = lateLedgerPrefix(clientId);
    const query = {
      TableName: this.#table,
      ConsistentRead: true,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': partition, ':from': prefix, ':to': prefix + AFTER_EVERYTHING },
    };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      for (const { sk, events } of Items as LedgerItem[])
        yield { sortKey: sk.slice(lateLedgerPrefix().length), events };
    }
  }
}

/** As it is written here, and nowhere else. */
interface LedgerItem extends PrimaryKey {
  events: BilledLateEvent[];
}

function eventKey(...parts: string[]): string {
  return parts.join(' ');
}

/** An identity comes once in a slice; the same event sent under another time is in another. */
function lineKey({ clientId, identity, eventTime }: LateLine): string {
  return eventKey(clientId, identity, eventTime);
}
