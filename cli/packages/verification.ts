import pLimit from 'p-limit';
import { type Account, AccountFold } from '../../lib/certificate/account.ts';
import type { Certificate } from '../../lib/certificate/certificate.ts';
import { accountOfClient } from '../../lib/certificate/client-account.ts';
import { readPublicKey } from '../../lib/certificate/public-key.ts';
import type { ApiAcknowledgement, Evidence } from '../../lib/certificate/verify.ts';
import type { PackageReport } from '../../lib/invoice-api/invoice-api.ts';
import type { CertificateStore } from '../../lib/store/certificate-store.ts';
import { readBooks } from '../../lib/store/client-reader.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import type { Tables } from '../../lib/store/tables.ts';
import type { Cloud } from '../connection/cloud.ts';
import { listedByApi } from '../invoice-api/api-listing.ts';
import type { Output } from '../terminal/output.ts';

const BUCKETS_AT_ONCE = 4;
const CLIENTS_BETWEEN_WORDS = 100;

/** Hears how far the reading is, in words for a person. */
export type OnReading = (words: string) => void;

/** The books of a period, added up anew. */
interface RecomputedBooks {
  account: Account;
  processedKeys: Set<string>;
}

/**
 * Reads anew all that a certificate speaks of. A later run has changed the books of an earlier certificate: then they
 * are left out.
 */
export async function gatherEvidence(
  cloud: Cloud,
  store: CertificateStore,
  certificate: Certificate,
  { withApi, output, onReading = () => {} }: { withApi: boolean; output: Output; onReading?: OnReading },
): Promise<Evidence & { isLatest: boolean }> {
  const { period, run, previous } = certificate;
  const all = await store.list(period.id);
  const isLatest = all[0] === undefined || all[0].run.id === run.id;
  onReading('the acknowledgements');
  const lists = [];
  for await (const list of store.acknowledgements(run.id)) lists.push(list);
  const pem = await cloud.certificateKey();
  const books = isLatest ? await recomputedBooks(cloud.tables, certificate, onReading) : undefined;
  if (withApi) onReading('what the invoice API holds');
  return {
    isLatest,
    stored: await store.load(period.id, run.startedAt, run.id),
    previous: previous
      ? (await store.list(previous.periodId)).find((each) => each.run.id === previous.runId)
      : undefined,
    lists,
    ...(pem === undefined ? {} : { publicKey: readPublicKey(pem) }),
    ...(books ?? {}),
    ...(withApi ? { api: (await listedByApi(cloud, period.id, output)).map(acknowledgementOf) } : {}),
  };
}

/** What a report of the API means for a certificate. */
export function acknowledgementOf({ id, status, revision, processedRevision }: PackageReport): ApiAcknowledgement {
  const known = processedRevision ?? (status === 'processed' ? revision : undefined);
  return { packageId: id, ...(known === undefined ? {} : { processedRevision: known }) };
}

/** Adds up the books from the records themselves: every document is read and hashed. */
export async function recomputedBooks(
  tables: Tables,
  { period, run, usage }: Certificate,
  onReading: OnReading = () => {},
): Promise<RecomputedBooks> {
  let read = 0;
  const fold = new AccountFold();
  const processedKeys = new Set<string>();
  const limit = pLimit(BUCKETS_AT_ONCE);
  const clients = run.clients && new Set(run.clients);
  const frame = { period, timeZone: period.timeZone };
  await limit.map(Array.from({ length: BUCKETS }), async (_, bucket) => {
    for await (const books of readBooks(tables, period.id, bucket)) {
      if (clients && !clients.has(books.clientId)) continue;
      read += 1;
      if (read % CLIENTS_BETWEEN_WORDS === 1) onReading(`the books: client ${read} of ${usage.clients}`);
      const account = accountOfClient(books, frame);
      fold.addClient(account);
      for (const { acknowledgement } of account.packages) if (acknowledgement) processedKeys.add(acknowledgement);
    }
  });
  return { account: fold.result(), processedKeys };
}
