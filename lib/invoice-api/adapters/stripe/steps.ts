import type { Stripe } from 'stripe';
import * as z from 'zod/mini';
import type { AdapterAnswer, AdapterRequest, Step, Submission, Verdict } from '../adapter.ts';
import { type FormValue, formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { shortKey } from '../short-key.ts';
import { type InvoiceLine, invoiceLines } from './invoice-lines.ts';
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

/**
 * https://docs.stripe.com/api/idempotent_requests: keys are gone after 24 hours at the soonest; the hour is for clocks
 * and the way.
 */
const KEY_SAFE_MILLISECONDS = 23 * 3600 * 1000;
/** https://docs.stripe.com/api/idempotent_requests */
const LONGEST_KEY = 255;
/** Of values of metadata (https://docs.stripe.com/api/metadata). */
const LONGEST_METADATA = 500;
const LINES_PER_REQUEST = 100;
const PAGE_SIZE = 100;
/** Before the place where counting the lines goes on. */
const LINES = 'lines:';

/**
 * The next request of a submission: the draft, its lines, its end; a look-up first where the key says nothing any more.
 */
export function nextStep(submission: Submission, settings: StripeSettings): Step {
  const { progress: given, now, firstSentAt } = submission;
  const progress = given ? progressSchema.parse(given) : undefined;
  const isOld = now - (progress?.at ?? firstSentAt ?? now) > KEY_SAFE_MILLISECONDS;
  const mustLook = progress?.look || isOld;
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
  const { document, customer, idempotencyKey, now } = submission;
  const params = {
    customer,
    currency: settings.currency,
    auto_advance: false,
    pending_invoice_items_behavior: 'exclude',
    ...(settings.daysUntilDue === undefined
      ? { collection_method: 'charge_automatically' }
      : { collection_method: 'send_invoice', days_until_due: settings.daysUntilDue }),
    description: `${document.period.from} to ${document.period.to}`,
    metadata: {
      halfmonth_package: shortKey(document.packageId, LONGEST_METADATA),
      halfmonth_period: document.period.id,
      halfmonth_key: shortKey(idempotencyKey, LONGEST_METADATA),
      halfmonth_revision: String(document.revision),
      ...(document.difference ? { halfmonth_since: String(document.difference.sinceRevision) } : {}),
      halfmonth_content: document.contentHash,
    },
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
    verdict: onObject(submission, progress, () =>
      isLast && !settings.finalize
        ? { kind: 'done' }
        : { kind: 'next', progress: { invoice, added: added + batch.length, at: submission.now } },
    ),
  };
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
  const since = Math.floor(Math.min(firstSentAt ?? now, progress?.at ?? now) / 1000) - 3600;
  const after = progress?.after;
  const query = formEncoded({ customer, created: { gte: since }, limit: PAGE_SIZE, starting_after: after });
  const known = { at: progress?.at ?? firstSentAt ?? now, spoilt: progress?.spoilt ?? 0 };
  return {
    request: get(`/v1/invoices?${query}`),
    verdict: onObject(submission, progress, (json) => {
      const invoices = listAt(json, 'data');
      const ours = invoices.find(
        (each) => textAt(each, 'metadata', 'halfmonth_key') === shortKey(idempotencyKey, LONGEST_METADATA),
      );
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

/** What answers mean that are the same for all of Stripe's objects (https://docs.stripe.com/api/errors). */
function onObject(
  submission: Submission,
  progress: StripeProgress | undefined,
  used: (json: unknown) => Verdict | undefined,
): (answer: AdapterAnswer) => Verdict {
  return (answer) => {
    const { status, json, headers } = answer;
    if (status === 200) return used(json) ?? { kind: 'usual' };
    const type = textAt(json, 'error', 'type');
    if (status === 400 && type === 'idempotency_error') return { kind: 'key-reused', reason: said(answer) };
    if (status === 409) return { kind: 'in-flight', reason: said(answer) };
    if (status === 400 || status === 402 || (status === 404 && type !== undefined)) {
      return { kind: 'rejected', reason: leftBehind(said(answer), progress) };
    }
    if (status >= 500 && headers['idempotent-replayed'] === 'true') {
      // Stripe keeps errors under their key too: it would say so for ever, so it is looked up and asked under another.
      const known = {
        ...progress,
        at: progress?.at ?? submission.now,
        look: true,
        spoilt: (progress?.spoilt ?? 0) + 1,
      };
      return { kind: 'next', progress: known };
    }
    return { kind: 'usual' };
  };
}

const isFinal = (invoice: unknown): boolean =>
  ['open', 'paid', 'uncollectible'].includes(textAt(invoice, 'status') ?? '');

function said({ status, json, text }: AdapterAnswer): string {
  const parts = ['code', 'param', 'message'].map((name) => textAt(json, 'error', name));
  const words = parts.filter((part) => part !== undefined).join(': ');
  return `HTTP ${status}: ${words || text}`.slice(0, 1500);
}

function leftBehind(reason: string, progress: StripeProgress | undefined): string {
  return progress?.invoice === undefined ? reason : `${reason} (the draft ${progress.invoice} was left as it is)`;
}

function keyOf({ idempotencyKey }: Submission, step: string, progress: StripeProgress | undefined): string {
  const spoilt = progress?.spoilt ? `.again${progress.spoilt}` : '';
  return shortKey(`${idempotencyKey}.${step}${spoilt}`, LONGEST_KEY);
}

function post(path: string, params: object, key: string): AdapterRequest {
  // Plain values all the way down, as the package types them.
  const body = {
    contentType: 'application/x-www-form-urlencoded',
    text: formEncoded(params as { [name: string]: FormValue }),
  };
  return { method: 'POST', path, headers: { 'idempotency-key': key }, body };
}

const get = (path: string): AdapterRequest => ({ method: 'GET', path });
