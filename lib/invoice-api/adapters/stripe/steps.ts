import type { Stripe } from 'stripe';
import * as z from 'zod/mini';
import type { Step, Submission } from '../adapter.ts';
import { formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { type InvoiceLine, invoiceLines } from './invoice-lines.ts';
import {
  countOf,
  get,
  isKeyOld,
  keyOf,
  madeSince,
  nameOfKey,
  onObject,
  ourNames,
  PAGE_SIZE,
  post,
} from './requests.ts';
import type { StripeSettings } from './settings.ts';

/** How far a submission has come. */
const progressSchema = z.object({
  /** The draft that was made for it. */
  invoice: z.exactOptional(z.string()),
  /** Lines that are on it. */
  added: z._default(z.number(), 0),
  /** When the key of the next request may be used first, in milliseconds since the epoch. */
  at: z.number(),
  /** What was done is to be looked up before the next request; where the look-up goes on. */
  look: z._default(z.boolean(), false),
  after: z.exactOptional(z.string()),
  /** Lines that the look-up has seen so far. */
  seen: z._default(z.number(), 0),
  /** Answers of this step that Stripe will give again and again under their keys. */
  spoilt: z._default(z.number(), 0),
});
type StripeProgress = z.output<typeof progressSchema>;

const LINES_PER_REQUEST = 100;
/** Before the place where counting the lines goes on. */
const LINES = 'lines:';

/**
 * The next request of a submission: the draft, its lines, its end; a look-up first where the key says nothing any more.
 */
export function nextStep(submission: Submission, settings: StripeSettings): Step {
  const { progress: given } = submission;
  const progress = given ? progressSchema.parse(given) : undefined;
  const mustLook = progress?.look || isKeyOld(submission, progress);
  if (progress?.invoice === undefined)
    return mustLook ? findDraft(submission, progress) : createDraft(submission, settings, progress);
  const invoice = { ...progress, invoice: progress.invoice };
  if (mustLook)
    return progress.look && progress.after?.startsWith(LINES)
      ? countLines(submission, invoice)
      : lookAt(submission, invoice, settings);
  const lines = invoiceLines(submission, settings);
  return invoice.added < lines.length
    ? addLines(submission, invoice, lines, settings)
    : finalize(submission, invoice, settings);
}

type WithInvoice = StripeProgress & { invoice: string };

function createDraft(submission: Submission, settings: StripeSettings, progress: StripeProgress | undefined): Step {
  const { document, customer, now } = submission;
  const params = {
    customer,
    currency: settings.currency,
    auto_advance: false,
    pending_invoice_items_behavior: 'exclude',
    ...(settings.daysUntilDue === undefined
      ? { collection_method: 'charge_automatically' }
      : { collection_method: 'send_invoice', days_until_due: settings.daysUntilDue }),
    description: `${document.period.from} to ${document.period.to}`,
    metadata: { ...ourNames(submission), ...(settings.takenBack === 'credit-note' ? countOf(document) : {}) },
  } satisfies Stripe.InvoiceCreateParams;
  return {
    request: post('/v1/invoices', params, keyOf(submission, 'draft', progress)),
    verdict: onObject(submission, progress, (json) => {
      const invoice = textAt(json, 'id');
      return invoice === undefined ? undefined : { kind: 'next', progress: { invoice, at: now } };
    }),
  };
}

function addLines(
  submission: Submission,
  progress: WithInvoice,
  lines: readonly InvoiceLine[],
  settings: StripeSettings,
): Step {
  const { invoice, added } = progress;
  const batch = lines.slice(added, added + LINES_PER_REQUEST);
  const isLast = added + batch.length >= lines.length;
  return {
    request: post(`/v1/invoices/${invoice}/add_lines`, { lines: batch }, keyOf(submission, `lines${added}`, progress)),
    verdict: (answer) => {
      const found = onObject(submission, progress, () =>
        isLast && !settings.finalize
          ? { kind: 'done' }
          : { kind: 'next', progress: { invoice, added: added + batch.length, at: submission.now } },
      )(answer);
      return found.kind === 'rejected' ? { ...found, reason: withMeter(found.reason, batch) } : found;
    },
  };
}

/** Stripe names a line by its place in the request, `lines[3]`; a person knows the meter. */
function withMeter(reason: string, batch: readonly InvoiceLine[]): string {
  const place = /lines\[(\d+)\]/.exec(reason)?.[1];
  const meter = place === undefined ? undefined : batch[Number(place)]?.metadata.halfmonth_meter;
  return meter === undefined ? reason : `meter ${meter} (invoiceApi.settings.meters.${meter}): ${reason}`;
}

function finalize(submission: Submission, progress: WithInvoice, settings: StripeSettings): Step {
  if (!settings.finalize) return lookAt(submission, progress, settings);
  const params = { auto_advance: settings.autoAdvance } satisfies Stripe.InvoiceFinalizeInvoiceParams;
  return {
    request: post(`/v1/invoices/${progress.invoice}/finalize`, params, keyOf(submission, 'finalize', progress)),
    verdict: onObject(submission, progress, (json) => (isFinal(json) ? { kind: 'done' } : undefined)),
  };
}

/** The customer's invoices since the key was first used: lists, unlike searches, show at once what was done. */
function findDraft(submission: Submission, progress: StripeProgress | undefined): Step {
  const { customer, now, firstSentAt, idempotencyKey } = submission;
  const since = madeSince(submission, progress);
  const after = progress?.after;
  const query = formEncoded({ customer, created: { gte: since }, limit: PAGE_SIZE, starting_after: after });
  const known = { at: progress?.at ?? firstSentAt ?? now, spoilt: progress?.spoilt ?? 0 };
  return {
    request: get(`/v1/invoices?${query}`),
    verdict: onObject(submission, progress, (json) => {
      const invoices = listAt(json, 'data');
      const ours = invoices.find((each) => textAt(each, 'metadata', 'halfmonth_key') === nameOfKey(idempotencyKey));
      const found = textAt(ours, 'id');
      if (found !== undefined) return { kind: 'next', progress: { ...known, invoice: found, look: true } };
      const last = textAt(invoices.at(-1), 'id');
      if (at(json, 'has_more') === true && last !== undefined) {
        return { kind: 'next', progress: { ...known, look: true, after: last } };
      }
      return { kind: 'next', progress: { at: now, spoilt: known.spoilt } };
    }),
  };
}

/** Whether our draft is still one. */
function lookAt(submission: Submission, progress: WithInvoice, settings: StripeSettings): Step {
  const { invoice, at: since, spoilt } = progress;
  return {
    request: get(`/v1/invoices/${invoice}`),
    verdict: onObject(submission, progress, (json) => {
      if (isFinal(json)) return { kind: 'done', replayed: true };
      if (textAt(json, 'status') !== 'draft') return undefined;
      if (!settings.finalize && progress.added >= submission.lines.length) return { kind: 'done', replayed: true };
      return { kind: 'next', progress: { invoice, at: since, spoilt, look: true, after: LINES } };
    }),
  };
}

/** How many lines are on our draft: nobody else puts any there, since pending items were excluded. */
function countLines(submission: Submission, progress: WithInvoice): Step {
  const { invoice, spoilt, at: since, seen } = progress;
  const after = progress.after === LINES ? undefined : progress.after?.slice(LINES.length);
  const query = formEncoded({ limit: PAGE_SIZE, starting_after: after });
  return {
    request: get(`/v1/invoices/${invoice}/lines?${query}`),
    verdict: onObject(submission, progress, (json) => {
      const lines = listAt(json, 'data');
      const last = textAt(lines.at(-1), 'id');
      const added = seen + lines.length;
      if (at(json, 'has_more') === true && last !== undefined) {
        const going = { invoice, spoilt, at: since, look: true, after: LINES + last, seen: added };
        return { kind: 'next', progress: going };
      }
      return { kind: 'next', progress: { invoice, spoilt, added, at: submission.now } };
    }),
  };
}

const isFinal = (invoice: unknown): boolean =>
  ['open', 'paid', 'uncollectible'].includes(textAt(invoice, 'status') ?? '');
