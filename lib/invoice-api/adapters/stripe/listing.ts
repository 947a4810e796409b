import type { PackageReport } from '../../invoice-api.ts';
import type { DocumentReport, Listing } from '../adapter.ts';
import { formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import type { StripeSettings } from './settings.ts';

const PAGE_SIZE = 100;

/** Stripe's words for the state of an invoice (https://docs.stripe.com/invoicing/overview#invoice-statuses). */
const STATUS = {
  draft: 'processing',
  open: 'processed',
  paid: 'processed',
  uncollectible: 'processed',
  void: 'rejected',
} as const satisfies Record<string, PackageReport['status']>;

/** A period's invoices, by a search, which may be a minute behind (https://docs.stripe.com/search#data-freshness). */
export function listedInvoices(periodId: string, cursor: string | undefined, settings: StripeSettings): Listing {
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

function reportOf(invoice: unknown, { finalize }: StripeSettings): DocumentReport | undefined {
  const id = textAt(invoice, 'metadata', 'halfmonth_package');
  const status = textAt(invoice, 'status');
  if (id === undefined || status === undefined || !isKnown(status)) return undefined;
  const contentHash = textAt(invoice, 'metadata', 'halfmonth_content');
  const [name, since] = [textAt(invoice, 'id'), textAt(invoice, 'metadata', 'halfmonth_since')];
  return {
    id,
    // Where drafts are left to a person, a draft is all that was wanted.
    status: status === 'draft' && !finalize ? 'processed' : STATUS[status],
    revision: Number(textAt(invoice, 'metadata', 'halfmonth_revision') ?? 1),
    ...(contentHash === undefined ? {} : { contentHash }),
    ...(name === undefined ? {} : { name }),
    ...(since === undefined ? {} : { since: Number(since) }),
  };
}

const isKnown = (status: string): status is keyof typeof STATUS => Object.hasOwn(STATUS, status);
