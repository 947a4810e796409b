import * as z from 'zod/mini';
import { quantityRule } from '../billed-quantity.ts';

const meter = z
  .strictObject({
    /** The code of an item; its price holds unless `unitAmount` says another. */
    itemCode: z.optional(z.string().check(z.minLength(1), z.maxLength(30))),
    /** The price of one unit, with up to 4 decimal places. */
    unitAmount: z.optional(z.string().check(z.regex(/^\d+(\.\d{1,4})?$/, 'must be a decimal number as text'))),
    /** The account that the line is booked to. */
    accountCode: z.optional(z.string().check(z.minLength(1))),
    taxType: z.optional(z.string().check(z.minLength(1))),
    ...quantityRule,
  })
  .check(
    z.refine(({ itemCode, unitAmount }) => itemCode !== undefined || unitAmount !== undefined, {
      message: 'needs an itemCode or a unitAmount, or its price is not known',
    }),
  );

/** What a stage says about its organisation at Xero. */
export const xeroSettings = z.strictObject({
  /**
   * Of the organisation (https://developer.xero.com/documentation/guides/oauth2/tenants); Xero's description requires
   * it in every request.
   */
  tenantId: z.string().check(z.minLength(1)),
  /** Three capital letters; absent: the contact's own. */
  currency: z.optional(z.string().check(z.regex(/^[A-Z]{3}$/, 'must be a currency in capitals, such as EUR'))),
  /** Whether invoices are approved at once, or left as drafts for a person. */
  status: z.enum(['AUTHORISED', 'DRAFT']),
  lineAmountTypes: z.enum(['Exclusive', 'Inclusive', 'NoTax']),
  /** Days from the end of the half month until the invoice is due. */
  dueDays: z.int().check(z.gte(0), z.lte(365)),
  meters: z.record(z.string(), meter),
});

/** A stage's settings for Xero. */
export type XeroSettings = z.output<typeof xeroSettings>;
