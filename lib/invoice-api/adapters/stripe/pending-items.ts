import type { Stripe } from 'stripe';
import * as z from 'zod/mini';
import type { Step, Submission, Verdict } from '../adapter.ts';
import { formEncoded } from '../form-encoding.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { type InvoiceLine, invoiceLines } from './invoice-lines.ts';
import { get, isKeyOld, keyOf, madeSince, nameOfKey, onObject, ourNames, PAGE_SIZE, post } from './requests.ts';
import type { StripeSettings } from './settings.ts';

/** How far a submission has come. */
const progressSchema = z.object({
  /** Items that are made, from the beginning: they are made one after the other. */
  made: z._default(z.number(), 0),
  /** When the key of the next request may be used first, in milliseconds since the epoch. */
  at: z.number(),
  /** What was made is to be looked up before the next request; where the look-up goes on, and what it has found. */
  look: z._default(z.boolean(), false),
  after: z.exactOptional(z.string()),
  found: z._default(z.number(), 0),
  /** Answers of this step that Stripe will give again and again under their keys. */
  spoilt: z._default(z.number(), 0),
});
type ItemProgress = z.output<typeof progressSchema>;

/**
 * The next request of a submission whose lines wait for the customer's next invoice: one item after the other; a
 * look-up first where the key says nothing any more.
 */
export function nextItem(submission: Submission, settings: StripeSettings): Step {
  const { progress: given, firstSentAt, now } = submission;
  const progress = given ? progressSchema.parse(given) : undefined;
  const known = progress ?? progressSchema.parse({ at: firstSentAt ?? now });
  if (known.look || isKeyOld(submission, progress)) return countItems(submission, known, settings);
  return makeItem(submission, known, settings);
}

function makeItem(submission: Submission, progress: ItemProgress, settings: StripeSettings): Step {
  const { customer, now } = submission;
  const lines = invoiceLines(submission, settings);
  const { metadata, pricing, quantity_decimal, amount, description } = lines[progress.made] as InvoiceLine;
  const params = {
    customer,
    ...(description === undefined ? {} : { description }),
    ...(pricing === undefined ? {} : { pricing }),
    ...(quantity_decimal === undefined ? {} : { quantity_decimal }),
    // A price says its currency itself.
    ...(amount === undefined ? {} : { amount, currency: settings.currency }),
    metadata: { ...ourNames(submission), ...metadata, halfmonth_documents: String(lines.length) },
  } satisfies Omit<Stripe.InvoiceItemCreateParams, 'quantity_decimal'> & { quantity_decimal?: string };
  return {
    request: post('/v1/invoiceitems', params, keyOf(submission, `item${progress.made}`, progress)),
    verdict: onObject(submission, progress, (json) =>
      textAt(json, 'id') === undefined ? undefined : after(progress.made + 1, lines.length, { at: now }),
    ),
  };
}

/** The customer's items since the key was first used: lists, unlike searches, show at once what was done. */
function countItems(submission: Submission, progress: ItemProgress, settings: StripeSettings): Step {
  const { customer, idempotencyKey, now } = submission;
  const since = madeSince(submission, progress);
  const query = formEncoded({
    customer,
    created: { gte: since },
    limit: PAGE_SIZE,
    starting_after: progress.after,
  });
  return {
    request: get(`/v1/invoiceitems?${query}`),
    verdict: onObject(submission, progress, (json) => {
      const items = listAt(json, 'data');
      const ours = items.filter((item) => textAt(item, 'metadata', 'halfmonth_key') === nameOfKey(idempotencyKey));
      const found = progress.found + ours.length;
      const last = textAt(items.at(-1), 'id');
      if (at(json, 'has_more') === true && last !== undefined) {
        return { kind: 'next', progress: { ...progress, look: true, after: last, found } };
      }
      const total = invoiceLines(submission, settings).length;
      const { spoilt } = progress;
      return after(found, total, { at: now, spoilt, replayed: true });
    }),
  };
}

function after(
  made: number,
  total: number,
  { replayed = false, ...rest }: { at: number; spoilt?: number; replayed?: boolean },
): Verdict {
  return made >= total ? { kind: 'done', replayed } : { kind: 'next', progress: { ...rest, made } };
}
