import type { Stripe } from 'stripe';
import * as z from 'zod/mini';
import { periodOf } from '../../../periods/periods.ts';
import type { Step, Submission, Verdict } from '../adapter.ts';
import { formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { invoiceLines } from './invoice-lines.ts';
import { countOf, get, isKeyOld, keyOf, onObject, ourNames, PAGE_SIZE, post } from './requests.ts';
import type { StripeSettings } from './settings.ts';
import { nextStep } from './steps.ts';

/** How far crediting has come. */
const creditSchema = z.object({
  /** The earliest invoice of the package: its lines are the largest. */
  target: z.exactOptional(z.object({ id: z.string(), revision: z.number(), isPaid: z.boolean() })),
  /** Whether all invoices have been gone through for it, and where that goes on. */
  isFound: z._default(z.boolean(), false),
  after: z.exactOptional(z.string()),
  /** The lines of that invoice by meter, once they are read. */
  lines: z.exactOptional(z.record(z.string(), z.string())),
  /** Whether the credit notes of that invoice were looked at, and ours was not among them. */
  isMissing: z._default(z.boolean(), false),
  /** As for every way of billing at Stripe. */
  at: z.number(),
  look: z._default(z.boolean(), false),
  spoilt: z._default(z.number(), 0),
});
type Credit = z.output<typeof creditSchema>;

/** What crediting leaves behind for the requests after it. */
const CREDITED = { isCredited: true };

/**
 * The next request of a correction that credits what it takes back: first a credit note for the invoice that the
 * package was billed with, then an invoice for what is more. A credit note is told by package and revision, so it is
 * made once whatever becomes of the rest.
 */
export function nextOfCorrection(submission: Submission, settings: StripeSettings): Step {
  const more = submission.lines.filter(({ quantity }) => !quantity.startsWith('-'));
  const isCredited = submission.progress?.isCredited === true;
  if (!isCredited && more.length < submission.lines.length) {
    const done: Verdict = more.length > 0 ? { kind: 'next', progress: CREDITED } : { kind: 'done' };
    return nextOfCredit(submission, settings, done);
  }
  const { isCredited: _known, ...progress } = submission.progress ?? {};
  const { progress: _given, ...rest } = submission;
  const hasBegun = Object.keys(progress).length > 0;
  const billed = { ...rest, lines: more, progress: hasBegun ? progress : undefined };
  const { request, verdict } = nextStep(billed, settings);
  return {
    request,
    verdict(answer) {
      const found = verdict(answer);
      const isOn = found.kind === 'next' && isCredited;
      return isOn ? { kind: 'next', progress: { ...found.progress, ...CREDITED } } : found;
    },
  };
}

function nextOfCredit(submission: Submission, settings: StripeSettings, done: Verdict): Step {
  const { progress, now } = submission;
  const credit = creditSchema.parse({ at: now, ...progress });
  if (!credit.isFound) return findInvoice(submission, credit);
  if (!credit.lines) return readLines(submission, credit);
  if (!credit.isMissing || credit.look || isKeyOld(submission, credit)) return lookForOurs(submission, credit, done);
  return makeNote(submission, { ...credit, lines: credit.lines }, settings, done);
}

/** The customer's invoices since the period began, for the earliest of the package. */
function findInvoice(submission: Submission, credit: Credit): Step {
  const { customer, document } = submission;
  const since = Math.floor(Date.parse(`${periodOf(document.period.id).from}T00:00:00Z`) / 1000);
  const query = formEncoded({ customer, created: { gte: since }, limit: PAGE_SIZE, starting_after: credit.after });
  const { halfmonth_package: ours } = ourNames(submission);
  return {
    request: get(`/v1/invoices?${query}`),
    verdict: onObject(submission, credit, (json) => {
      const invoices = listAt(json, 'data');
      const candidates = [credit.target, ...invoices.map((each) => candidateOf(each, ours))];
      const [target] = candidates
        .filter((each) => each !== undefined)
        .filter(({ revision }) => revision < document.revision)
        .toSorted((one, other) => one.revision - other.revision);
      const last = textAt(invoices.at(-1), 'id');
      const known = { ...credit, ...(target ? { target } : {}) };
      if (at(json, 'has_more') === true && last !== undefined) {
        return { kind: 'next', progress: { ...known, after: last } };
      }
      if (!target) return { kind: 'rejected', reason: `there is no finalized invoice of ${ours} to credit` };
      const { after: _done, ...found } = known;
      return { kind: 'next', progress: { ...found, isFound: true } };
    }),
  };
}

function candidateOf(invoice: unknown, ours: string): NonNullable<Credit['target']> | undefined {
  const [id, status] = [textAt(invoice, 'id'), textAt(invoice, 'status')];
  if (id === undefined || textAt(invoice, 'metadata', 'halfmonth_package') !== ours) return undefined;
  if (status !== 'open' && status !== 'paid') return undefined;
  return { id, revision: Number(textAt(invoice, 'metadata', 'halfmonth_revision')), isPaid: status === 'paid' };
}

/** The lines of the invoice that are to be credited; all meters of a package are on one page of them. */
function readLines(submission: Submission, credit: Credit): Step {
  const { lines } = submission;
  const invoice = credit.target?.id ?? '';
  const back = lines.filter(({ quantity }) => quantity.startsWith('-')).map(({ meter }) => meter);
  const query = formEncoded({ limit: PAGE_SIZE, starting_after: credit.after });
  return {
    request: get(`/v1/invoices/${invoice}/lines?${query}`),
    verdict: onObject(submission, credit, (json) => {
      if (!Array.isArray(at(json, 'data'))) return undefined;
      const found = listAt(json, 'data').map((line) => [
        textAt(line, 'metadata', 'halfmonth_meter'),
        textAt(line, 'id'),
      ]);
      const named = Object.fromEntries(found.filter(([meter]) => meter !== undefined && back.includes(meter)));
      const missing = back.filter((meter) => named[meter] === undefined);
      if (missing.length > 0) {
        const reason = `meter ${missing.join(', ')} has no line on ${invoice}, the invoice that would be credited`;
        return { kind: 'rejected', reason };
      }
      return { kind: 'next', progress: { ...credit, lines: named } };
    }),
  };
}

/** Whether the credit note is there: lists, unlike searches, show at once what was done. */
function lookForOurs(submission: Submission, credit: Credit, done: Verdict): Step {
  const { halfmonth_package: ours, halfmonth_revision: revision } = ourNames(submission);
  const query = formEncoded({ invoice: credit.target?.id, limit: PAGE_SIZE });
  return {
    request: get(`/v1/credit_notes?${query}`),
    verdict: onObject(submission, credit, (json) => {
      if (!Array.isArray(at(json, 'data'))) return undefined;
      const isThere = listAt(json, 'data').some(
        (note) =>
          textAt(note, 'metadata', 'halfmonth_package') === ours &&
          textAt(note, 'metadata', 'halfmonth_revision') === revision,
      );
      if (isThere) return done.kind === 'done' ? { kind: 'done', replayed: true } : done;
      return { kind: 'next', progress: { ...credit, isMissing: true, look: false, at: submission.now } };
    }),
  };
}

function makeNote(
  submission: Submission,
  credit: Credit & { lines: Record<string, string> },
  settings: StripeSettings,
  done: Verdict,
): Step {
  const { document } = submission;
  const lines = invoiceLines(submission, settings)
    .filter(({ amount = 0 }) => amount < 0)
    .map(({ amount = 0, metadata }) => ({
      type: 'invoice_line_item' as const,
      invoice_line_item: credit.lines[metadata.halfmonth_meter ?? ''] ?? '',
      amount: -amount,
      metadata,
    }));
  const params = {
    invoice: credit.target?.id ?? '',
    lines,
    // What is paid already goes to the customer's balance.
    ...(credit.target?.isPaid ? { credit_amount: lines.reduce((sum, { amount }) => sum + amount, 0) } : {}),
    memo: `${document.period.from} to ${document.period.to}, corrected`,
    metadata: { ...ourNames(submission), ...countOf(document) },
  } satisfies Stripe.CreditNoteCreateParams;
  return {
    request: post('/v1/credit_notes', params, keyOf(submission, 'credit', credit)),
    verdict: onObject(submission, credit, (json) => (textAt(json, 'id') === undefined ? undefined : done)),
  };
}
