import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { createGzip, gunzipSync, gzipSync } from 'node:zlib';
import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Certificate } from '../certificate/certificate.ts';
import { type AcknowledgementList, canonicalPieces, digestOfKeys, readCertificate } from '../certificate/seal.ts';
import { type PeriodId, previousPeriod } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import {
  certificateKey,
  certificateLinkKey,
  certificatePageKey,
  earlierCertificatePageKey,
  type PrimaryKey,
  periodKey,
  runKey,
  SEPARATOR,
} from './keys.ts';
import { PAGE_LENGTH, pagesOf, pagesOfLines } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** A year of periods without a run is taken for the beginning of the chain. */
const PERIODS_LOOKED_BACK = 24;

/** One link of the chain of all certificates. */
export interface CertificateLink {
  number: number;
  periodId: PeriodId;
  runId: string;
  hash: string;
}

/** The closing certificates, and the acknowledgements that they speak of. None of it expires. */
export class CertificateStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  /** @param table the runs table */
  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  /**
   * Stores the certificate of a run, once: a run that has one keeps it. With its number the certificate becomes that
   * link of the chain, in the same transaction.
   * @returns the certificate that the run has now; nothing when another certificate has taken the number meanwhile
   */
  async put(certificate: Certificate): Promise<Certificate | undefined> {
    const { run, period, hash, number } = certificate;
    const kept = await this.load(period.id, run.startedAt, run.id);
    if (kept) return kept;
    const key = certificateKey(period.id, run.startedAt, run.id);
    const items = [{ ...key, hash, runId: run.id, ...(await this.#bodyOf(certificate)) }];
    const links =
      number === undefined ? [] : [{ ...certificateLinkKey(number), number, periodId: period.id, runId: run.id, hash }];
    try {
      await this.#documents.send(
        new TransactWriteCommand({
          TransactItems: [...items, ...links].map((Item) => ({
            Put: { TableName: this.#table, Item, ConditionExpression: 'attribute_not_exists(pk)' },
          })),
        }),
      );
      return certificate;
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const isTaken = error.CancellationReasons?.some(({ Code }) => Code === 'ConditionalCheckFailed');
      if (!isTaken) throw error;
      return this.load(period.id, run.startedAt, run.id);
    }
  }

  /** The last link of the chain; nothing while it has none. */
  async lastLink(): Promise<CertificateLink | undefined> {
    const { Items = [] } = await this.#documents.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': certificateLinkKey(1).pk },
        ScanIndexForward: false,
        Limit: 1,
        ConsistentRead: true,
      }),
    );
    // Written by put alone.
    return Items[0] as CertificateLink | undefined;
  }

  /** The certificate of one run. @throws InvalidCertificate when what is stored is none */
  async load(periodId: PeriodId, startedAt: string, runId: string): Promise<Certificate | undefined> {
    const keys = [
      certificateKey(periodId, startedAt, runId),
      // Where earlier versions kept it.
      periodKey(periodId, 'certificate', startedAt, runId),
    ];
    for (const Key of keys) {
      const { Item } = await this.#documents.send(
        new GetCommand({ TableName: this.#table, Key, ConsistentRead: true }),
      );
      if (Item) return this.#certificateOf(Item);
    }
    return undefined;
  }

  /**
   * The certificates of a period, the one made last first: a run that failed and was redriven may be certified after
   * one that was started later.
   * @throws InvalidCertificate when what is stored is none
   */
  async list(periodId: PeriodId, limit?: number): Promise<Certificate[]> {
    const places = [certificateKey(periodId, ''), periodKey(periodId, 'certificate', '')];
    const certificates = await Promise.all(places.map((place) => this.#listFrom(place)));
    return certificates.flat().sort(byCertification).slice(0, limit);
  }

  async #listFrom({ pk, sk }: PrimaryKey): Promise<Certificate[]> {
    const query = {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
      ConsistentRead: true,
    };
    const certificates: Certificate[] = [];
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query))
      certificates.push(...(await Promise.all(Items.map((item) => this.#certificateOf(item)))));
    return certificates;
  }

  /**
   * The certificate that the first link of the chain follows, from the time when the chain went period by period: the
   * last one of the same period made for another run, else of the nearest period before that has one.
   */
  async before(periodId: PeriodId, runId: string): Promise<Certificate | undefined> {
    const own = (await this.list(periodId)).find(({ run }) => run.id !== runId);
    if (own) return own;
    let period = periodId;
    for (let looked = 0; looked < PERIODS_LOOKED_BACK; looked++) {
      period = previousPeriod(period).id;
      const [last] = await this.list(period, 1);
      if (last) return last;
    }
    return undefined;
  }

  /**
   * Keeps the idempotency keys of one step of a worker, and lets go of what a longer attempt at the chunk may have left
   * after it.
   * @returns the list as the certificate counts it
   */
  async saveAcknowledgements(
    runId: string,
    chunk: number,
    step: number,
    keys: readonly string[],
    isLast: boolean,
  ): Promise<AcknowledgementList> {
    const sorted = keys.toSorted();
    // Cut before they are compressed: how well keys compress depends on what client ids look like.
    const pages = pagesOfLines(sorted);
    for (const [page, text] of pages.entries()) {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...runKey(runId, 'acknowledgements', chunk, step, page), chunk, step, page, keys: gzipSync(text) },
        }),
      );
    }
    await this.#deleteBetween(runId, [chunk, step, pages.length], isLast ? [chunk, 999_999] : [chunk, step, 999_999]);
    return { chunk, step, count: sorted.length, digest: digestOfKeys(sorted) };
  }

  /** The lists of a run in order, with their keys and the digests that these have now. */
  async *acknowledgements(runId: string): AsyncGenerator<AcknowledgementList & { keys: string[] }> {
    let open: { chunk: number; step: number; keys: string[] } | undefined;
    for await (const { chunk, step, keys } of this.#pages(runId)) {
      if (open && (open.chunk !== chunk || open.step !== step)) {
        yield listOf(open);
        open = undefined;
      }
      open = open ? { ...open, keys: [...open.keys, ...keys] } : { chunk, step, keys };
    }
    if (open) yield listOf(open);
  }

  async *#pages(runId: string): AsyncGenerator<{ chunk: number; step: number; keys: string[] }> {
    const { pk, sk } = runKey(runId, 'acknowledgements');
    const query = {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': pk, ':sk': `${sk}${SEPARATOR}` },
    };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      // Written by saveAcknowledgements alone.
      for (const { chunk, step, keys } of Items as { chunk: number; step: number; keys: Uint8Array }[]) {
        const text = gunzipSync(keys).toString();
        yield { chunk, step, keys: text === '' ? [] : text.split('\n') };
      }
    }
  }

  async #deleteBetween(runId: string, from: number[], to: number[]): Promise<void> {
    const { pk, sk } = runKey(runId, 'acknowledgements', ...from);
    const query = {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
      ExpressionAttributeValues: { ':pk': pk, ':from': sk, ':to': runKey(runId, 'acknowledgements', ...to).sk },
      ProjectionExpression: 'pk, sk',
      ConsistentRead: true,
    };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      for (const { pk: itemPk, sk: itemSk } of Items) {
        await this.#documents.send(new DeleteCommand({ TableName: this.#table, Key: { pk: itemPk, sk: itemSk } }));
      }
    }
  }

  /** Keeps what of a certificate does not fit into its item, under its hash; answers what goes into the item. */
  async #bodyOf(certificate: Certificate): Promise<Record<string, unknown>> {
    const text = shortText(canonicalPieces(certificate));
    if (text !== undefined) return { certificate: text };
    const compressed = await buffer(Readable.from(canonicalPieces(certificate)).pipe(createGzip()));
    const pages = pagesOf(compressed);
    if (pages.length === 1) return { compressed: pages[0] };
    for (const [page, part] of pages.entries()) {
      const key = certificatePageKey(certificate.period.id, certificate.hash, page);
      await this.#documents.send(new PutCommand({ TableName: this.#table, Item: { ...key, compressed: part } }));
    }
    return { periodId: certificate.period.id, pages: pages.length };
  }

  /** @throws InvalidCertificate */
  async #certificateOf(item: Record<string, unknown>): Promise<Certificate> {
    // Written by put alone.
    const { certificate, compressed, periodId, hash, pages } = item as {
      certificate?: string;
      compressed?: Uint8Array;
      periodId: PeriodId;
      hash: string;
      pages?: number;
    };
    const bytes = pages === undefined ? compressed : await this.#pagesOfCertificate(periodId, hash, pages);
    return readCertificate(JSON.parse(certificate ?? gunzipSync(bytes ?? new Uint8Array()).toString()));
  }

  async #pagesOfCertificate(periodId: PeriodId, hash: string, count: number): Promise<Uint8Array> {
    const pages: Uint8Array[] = [];
    for (let page = 0; page < count; page++) {
      const read = (Key: PrimaryKey) =>
        this.#documents.send(new GetCommand({ TableName: this.#table, Key, ConsistentRead: true }));
      const { Item = (await read(earlierCertificatePageKey(periodId, hash, page))).Item } = await read(
        certificatePageKey(periodId, hash, page),
      );
      // Written by #bodyOf before the item that names it.
      pages.push((Item as { compressed: Uint8Array } | undefined)?.compressed ?? new Uint8Array());
    }
    return Buffer.concat(pages);
  }
}

/** The pieces as one text, if it fits into an item. */
function shortText(pieces: Iterable<string>): string | undefined {
  let text = '';
  for (const piece of pieces) {
    text += piece;
    if (text.length > PAGE_LENGTH) return undefined;
  }
  return text;
}

function listOf({ chunk, step, keys }: { chunk: number; step: number; keys: string[] }) {
  return { chunk, step, keys, count: keys.length, digest: digestOfKeys(keys) };
}

/** The last first. */
function byCertification({ run: one }: Certificate, { run: other }: Certificate): number {
  if (one.certifiedAt === other.certifiedAt) return one.startedAt < other.startedAt ? 1 : -1;
  return one.certifiedAt < other.certifiedAt ? 1 : -1;
}
