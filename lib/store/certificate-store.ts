import { gunzipSync, gzipSync } from 'node:zlib';
import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand,
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
} from '@aws-sdk/lib-dynamodb';
import type { Certificate } from '../certificate/certificate.ts';
import { type AcknowledgementList, canonicalJson, digestOfKeys, readCertificate } from '../certificate/seal.ts';
import { type PeriodId, previousPeriod } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import { certificatePageKey, periodKey, runKey, SEPARATOR } from './keys.ts';
import { PAGE_LENGTH, pagesOf, pagesOfLines } from './pages.ts';
import type { TablesWith } from './tables.ts';

/** A year of periods without a run is taken for the beginning of the chain. */
const PERIODS_LOOKED_BACK = 24;

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
   * Stores the certificate of a run, once: a run that has one keeps it.
   * @returns the certificate that the run has now
   */
  async put(certificate: Certificate): Promise<Certificate> {
    const { run, period, hash } = certificate;
    const body = await this.#bodyOf(certificate);
    const key = periodKey(period.id, 'certificate', run.startedAt, run.id);
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...key, hash, runId: run.id, ...body },
          ConditionExpression: 'attribute_not_exists(pk)',
        }),
      );
      return certificate;
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return (await this.load(period.id, run.startedAt, run.id)) ?? certificate;
    }
  }

  /** The certificate of one run. @throws InvalidCertificate when what is stored is none */
  async load(periodId: PeriodId, startedAt: string, runId: string): Promise<Certificate | undefined> {
    const { Item } = await this.#documents.send(
      new GetCommand({
        TableName: this.#table,
        Key: periodKey(periodId, 'certificate', startedAt, runId),
        ConsistentRead: true,
      }),
    );
    return Item && this.#certificateOf(Item);
  }

  /**
   * The certificates of a period, the one made last first: a run that failed and was redriven may be certified after one that
   * was started later.
   * @throws InvalidCertificate when what is stored is none
   */
  async list(periodId: PeriodId, limit?: number): Promise<Certificate[]> {
    const { pk, sk } = periodKey(periodId, 'certificate', '');
    const certificates: Certificate[] = [];
    const query = {
      TableName: this.#table,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :sk)',
      ExpressionAttributeValues: { ':pk': pk, ':sk': sk },
      ConsistentRead: true,
    };
    for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) {
      certificates.push(...(await Promise.all(Items.map((item) => this.#certificateOf(item)))));
    }
    return certificates.sort(byCertification).slice(0, limit);
  }

  /**
   * The certificate that the next one of a period follows: the last one of the same period made for another run, else of the
   * nearest period before that has one.
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
   * Keeps the idempotency keys of one step of a worker, and lets go of what a longer attempt at the chunk may have left after it.
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
    const text = canonicalJson(certificate);
    if (text.length <= PAGE_LENGTH) return { certificate: text };
    const pages = pagesOf(gzipSync(text));
    if (pages.length === 1) return { compressed: pages[0] };
    for (const [page, compressed] of pages.entries()) {
      const key = certificatePageKey(certificate.period.id, certificate.hash, page);
      await this.#documents.send(new PutCommand({ TableName: this.#table, Item: { ...key, compressed } }));
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
      const { Item } = await this.#documents.send(
        new GetCommand({
          TableName: this.#table,
          Key: certificatePageKey(periodId, hash, page),
          ConsistentRead: true,
        }),
      );
      // Written by #bodyOf before the item that names it.
      pages.push((Item as { compressed: Uint8Array } | undefined)?.compressed ?? new Uint8Array());
    }
    return Buffer.concat(pages);
  }
}

function listOf({ chunk, step, keys }: { chunk: number; step: number; keys: string[] }) {
  return { chunk, step, keys, count: keys.length, digest: digestOfKeys(keys) };
}

/** The last first. */
function byCertification({ run: one }: Certificate, { run: other }: Certificate): number {
  if (one.certifiedAt === other.certifiedAt) return one.startedAt < other.startedAt ? 1 : -1;
  return one.certifiedAt < other.certifiedAt ? 1 : -1;
}
