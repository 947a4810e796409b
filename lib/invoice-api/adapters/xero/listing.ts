import type { PackageReport } from '../../invoice-api.ts';
import type { DocumentReport, Listing } from '../adapter.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { NAMES, readReference } from './documents.ts';
import type { XeroSettings } from './settings.ts';

const PAGE_SIZE = 100;

/** A period's invoices and then its credit notes, page by page, by what their numbers begin with. */
export function listedDocuments(periodId: string, cursor: string | undefined, settings: XeroSettings): Listing {
  const [, kind = 'invoice', page = '1'] = /^(invoice|credit-note)\/(\d+)$/.exec(cursor ?? '') ?? [];
  const isInvoice = kind === 'invoice';
  const { path, list, number } = isInvoice ? NAMES.invoice : NAMES['credit-note'];
  const where = `${number}.StartsWith("${periodId}.")`;
  const query = new URLSearchParams({ where, order: `${number} ASC`, page, pageSize: String(PAGE_SIZE) });
  return {
    request: { method: 'GET', path: `${path}?${query}` },
    reports({ json }) {
      if (!Array.isArray(at(json, list))) return undefined;
      const documents = listAt(json, list);
      const packages = documents.flatMap((document) => reportOf(document, kind, settings) ?? []);
      const isFull = documents.length >= PAGE_SIZE;
      const nextCursor = isFull ? `${kind}/${Number(page) + 1}` : isInvoice ? 'credit-note/1' : undefined;
      return { packages, ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  };
}

function reportOf(document: unknown, kind: string, settings: XeroSettings): DocumentReport | undefined {
  const reference = readReference(textAt(document, 'Reference'));
  if (!reference) return undefined;
  const { packageId: id, ...named } = reference;
  const status = statusOf(textAt(document, 'Status'), settings);
  const name = textAt(document, kind === 'invoice' ? 'InvoiceID' : 'CreditNoteID');
  return { id, ...named, status, document: kind, ...(name === undefined ? {} : { name }) };
}

/** https://developer.xero.com/documentation/api/accounting/types#invoices */
function statusOf(status: string | undefined, settings: XeroSettings): PackageReport['status'] {
  if (status === 'AUTHORISED' || status === 'PAID') return 'processed';
  if (status === 'VOIDED' || status === 'DELETED') return 'rejected';
  // Where drafts are left to a person, a draft is all that was wanted.
  return settings.status === 'DRAFT' ? 'processed' : 'processing';
}
