import { periodOf } from '../../../periods/periods.ts';
import type { PackageReport } from '../../invoice-api.ts';
import type { DocumentReport, Listing } from '../adapter.ts';
import { formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { PAGE_SIZE } from './requests.ts';
import type { StripeSettings } from './settings.ts';

/** Stripe's words for the state of an invoice (https://docs.stripe.com/invoicing/overview#invoice-statuses). */
const STATUS = {
  draft: 'processing',
  open: 'processed',
  paid: 'processed',
  uncollectible: 'processed',
  void: 'rejected',
} as const satisfies Record<string, PackageReport['status']>;

const NOTES = 'credit-notes';

/** A period's invoices, and then its credit notes where there may be any. */
export function listedDocuments(periodId: string, cursor: string | undefined, settings: StripeSettings): Listing {
  if (cursor?.startsWith(NOTES)) return listedNotes(periodId, cursor.slice(NOTES.length + 1) || undefined);
  const { request, reports } = listedInvoices(periodId, cursor, settings);
  if (settings.takenBack === 'negative-amount') return { request, reports };
  return {
    request,
    reports(answer) {
      const page = reports(answer);
      return page && { nextCursor: NOTES, ...page };
    },
  };
}

/** Stripe searches no credit notes, so all are listed that were made since the period began. */
function listedNotes(periodId: string, after: string | undefined): Listing {
  const query = formEncoded({ created: { gte: startOf(periodId) }, limit: PAGE_SIZE, starting_after: after });
  return {
    request: { method: 'GET', path: `/v1/credit_notes?${query}` },
    reports({ json }) {
      if (!Array.isArray(at(json, 'data'))) return undefined;
      const notes = listAt(json, 'data');
      const packages = notes.flatMap((note) => {
        const named = textAt(note, 'metadata', 'halfmonth_period') === periodId ? namedIn(note) : undefined;
        const status = textAt(note, 'status') === 'void' ? ('rejected' as const) : ('processed' as const);
        return named ? [{ ...named, status, document: 'credit-note' }] : [];
      });
      const last = textAt(notes.at(-1), 'id');
      const hasMore = at(json, 'has_more') === true && last !== undefined;
      return { packages, ...(hasMore ? { nextCursor: `${NOTES}/${last}` } : {}) };
    },
  };
}

const startOf = (periodId: string): number => Math.floor(Date.parse(`${periodOf(periodId).from}T00:00:00Z`) / 1000);

/** A period's invoices, by a search, which may be a minute behind (https://docs.stripe.com/search#data-freshness). */
function listedInvoices(periodId: string, cursor: string | undefined, settings: StripeSettings): Listing {
  const query = formEncoded({ query: `metadata['halfmonth_period']:'${periodId}'`, limit: PAGE_SIZE, page: cursor });
  return {
    request: { method: 'GET', path: `/v1/invoices/search?${query}` },
    reports({ json }) {
      if (!Array.isArray(at(json, 'data'))) return undefined;
      const nextCursor = textAt(json, 'next_page');
      const packages = listAt(json, 'data').flatMap((invoice) => reportOf(invoice, settings) ?? []);
      return { packages, ...(nextCursor === undefined ? {} : { nextCursor }) };
    },
  };
}

/**
 * The items of a period. Stripe searches no items by metadata, so all are listed that were made since the period began,
 * those of others among them.
 */
export function listedItems(periodId: string, cursor: string | undefined): Listing {
  const query = formEncoded({ created: { gte: startOf(periodId) }, limit: PAGE_SIZE, starting_after: cursor });
  return {
    request: { method: 'GET', path: `/v1/invoiceitems?${query}` },
    reports({ json }) {
      if (!Array.isArray(at(json, 'data'))) return undefined;
      const items = listAt(json, 'data');
      const packages = items.flatMap((item) => {
        if (textAt(item, 'metadata', 'halfmonth_period') !== periodId) return [];
        const named = namedIn(item);
        const document = textAt(item, 'metadata', 'halfmonth_meter');
        return named && document ? [{ ...named, status: 'processed' as const, document }] : [];
      });
      const last = textAt(items.at(-1), 'id');
      return { packages, ...(at(json, 'has_more') === true && last !== undefined ? { nextCursor: last } : {}) };
    },
  };
}

function reportOf(invoice: unknown, { finalize }: StripeSettings): DocumentReport | undefined {
  const named = namedIn(invoice);
  const status = textAt(invoice, 'status');
  if (named === undefined || status === undefined || !isKnown(status)) return undefined;
  // Where drafts are left to a person, a draft is all that was wanted.
  return { ...named, status: status === 'draft' && !finalize ? 'processed' : STATUS[status] };
}

/** What our names in the metadata of an object say of it; undefined for one of others. */
function namedIn(object: unknown): Omit<DocumentReport, 'status'> | undefined {
  const [id, since, contentHash, name, count] = [
    textAt(object, 'metadata', 'halfmonth_package'),
    textAt(object, 'metadata', 'halfmonth_since'),
    textAt(object, 'metadata', 'halfmonth_content'),
    textAt(object, 'id'),
    textAt(object, 'metadata', 'halfmonth_documents'),
  ];
  if (id === undefined) return undefined;
  return {
    id,
    revision: Number(textAt(object, 'metadata', 'halfmonth_revision') ?? 1),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(name === undefined ? {} : { name }),
    ...(since === undefined ? {} : { since: Number(since) }),
    ...(count === undefined ? {} : { documents: Number(count) }),
  };
}

const isKnown = (status: string): status is keyof typeof STATUS => Object.hasOwn(STATUS, status);
