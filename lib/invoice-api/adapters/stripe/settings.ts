import * as z from 'zod/mini';

const meter = z.strictObject({
  /** The id of a Price: `price_1Abc`. */
  price: z.string().check(z.regex(/^price_\w+$/, 'must be the id of a price, such as price_1AbcDef')),
  /**
   * What one unit is credited with when a correction takes usage back, in the currency's smallest unit: `0.05` are 0.05
   * cents.
   */
  creditUnitAmount: z.optional(z.string().check(z.regex(/^\d+(\.\d{1,12})?$/, 'must be a decimal number as text'))),
});

const fields = z.strictObject({
  /**
   * What a package becomes: an invoice of its own, or items that wait for the customer's next invoice, such as the one
   * of a subscription. `finalize`, `autoAdvance` and `daysUntilDue` are about invoices of their own.
   */
  becomes: z._default(z.enum(['invoice', 'pending-items']), 'invoice'),
  /** Three letters; every price must be in it. */
  currency: z.string().check(z.regex(/^[a-z]{3}$/, 'must be a currency in small letters, such as eur')),
  /** Whether an invoice is finalized when its lines are on it, or left as a draft for a person. */
  finalize: z.boolean(),
  /** Whether Stripe collects the payment by itself once the invoice is finalized. */
  autoAdvance: z.boolean(),
  /** Days until the invoice is due when it is sent; absent: the customer's default payment method is charged. */
  daysUntilDue: z.optional(z.int().check(z.gte(1))),
  /**
   * What a correction takes back becomes: an amount below zero on an invoice of its own, or a credit note for the
   * package's first invoice.
   */
  takenBack: z._default(z.enum(['negative-amount', 'credit-note']), 'negative-amount'),
  meters: z.record(z.string(), meter),
});

/** What a stage says about its Stripe account. */
export const stripeSettings = fields.check(
  z.refine(({ becomes, takenBack }) => becomes === 'invoice' || takenBack === 'negative-amount', {
    path: ['takenBack'],
    message: 'credit-note needs invoices: pending items are on none that is known',
  }),
  z.refine(({ finalize, takenBack }) => finalize || takenBack === 'negative-amount', {
    path: ['takenBack'],
    message: 'credit-note needs finalized invoices (finalize: true): a draft cannot be credited',
  }),
);

/** A stage's settings for Stripe. */
export type StripeSettings = z.output<typeof stripeSettings>;
