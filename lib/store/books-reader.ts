import { unmarshall } from '@aws-sdk/util-dynamodb';
import type { ClientBooks } from '../certificate/client-account.ts';
import type { PeriodId } from '../periods/periods.ts';
import { type ClientTables, readClients } from './client-reader.ts';
import { AFTER_EVERYTHING, periodPartition, SEPARATOR } from './keys.ts';
import { type PackageRevision, packageRevisionOf } from './package-store.ts';
import { queryPages } from './query-pages.ts';

const PREFIX = `document${SEPARATOR}`;

/**
 * Reads the whole books of one bucket's clients, one client after the other: daily records, heads and every revision. A
 * client of which only documents are left is yielded too.
 */
export async function* readBooks(
  tables: ClientTables,
  periodId: PeriodId,
  bucket: number,
): AsyncGenerator<ClientBooks> {
  const documents = revisionsByClient(tables, periodId, bucket);
  let next = await documents.next();
  for await (const { clientId, days, heads } of readClients(tables, periodId, { bucket })) {
    while (!next.done && next.value.clientId < clientId) {
      yield { ...next.value, days: [], heads: [] };
      next = await documents.next();
    }
    const isSame = !next.done && next.value.clientId === clientId;
    const revisions = isSame && !next.done ? next.value.revisions : [];
    if (isSame) next = await documents.next();
    yield { clientId, days, heads, revisions };
  }
  for (; !next.done; next = await documents.next()) yield { ...next.value, days: [], heads: [] };
}

async function* revisionsByClient(
  tables: ClientTables,
  periodId: PeriodId,
  bucket: number,
): AsyncGenerator<{ clientId: string; revisions: PackageRevision[] }> {
  let open: { clientId: string; revisions: PackageRevision[] } | undefined;
  const query = {
    TableName: tables.packages,
    ConsistentRead: true,
    KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
    ExpressionAttributeValues: {
      ':pk': { S: periodPartition(periodId, bucket) },
      ':from': { S: PREFIX },
      ':to': { S: `${PREFIX}${AFTER_EVERYTHING}` },
    },
  };
  for await (const items of queryPages(tables.client, query)) {
    for (const item of items) {
      const revision = packageRevisionOf(unmarshall(item));
      if (open && open.clientId !== revision.clientId) {
        yield open;
        open = undefined;
      }
      open ??= { clientId: revision.clientId, revisions: [] };
      open.revisions.push(revision);
    }
  }
  if (open) yield open;
}
