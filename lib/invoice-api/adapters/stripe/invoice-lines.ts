import { Big } from 'big.js';
import type { Stripe } from 'stripe';
import type { PackageLine } from '../../../packages/lines.ts';
import type { Submission } from '../adapter.ts';
import type { StripeSettings } from './settings.ts';

type StripeLine = Stripe.InvoiceAddLinesParams.Line;

/** A line as it is sent; the package types a decimal as its own class, which is text in a request. */
export type InvoiceLine = Omit<StripeLine, 'quantity_decimal' | 'metadata'> & {
  quantity_decimal?: string;
  metadata: Record<string, string>;
};

/**
 * The lines of one package. What a correction takes back has no quantity at Stripe, which takes none below zero; it is
 * an amount below zero, and an invoice whose total is so is credited to the customer's balance
 * (https://docs.stripe.com/invoicing/integration/manage-credits).
 */
export function invoiceLines({ document, lines }: Submission, { meters }: StripeSettings): InvoiceLine[] {
  const { from, to } = document.period;
  return lines.map(({ meter, quantity }) => {
    const { price, creditUnitAmount } = meters[meter] ?? {};
    const metadata = { halfmonth_meter: meter, halfmonth_quantity: quantity };
    if (!quantity.startsWith('-')) {
      return {
        ...(price === undefined ? {} : { pricing: { price } }),
        quantity_decimal: quantity,
        description: `${meter}, ${from} to ${to}`,
        metadata,
      };
    }
    return {
      amount: creditOf(quantity, creditUnitAmount ?? '0'),
      description: `${meter}, ${from} to ${to}: ${quantity} corrected`,
      metadata,
    };
  });
}

/** What a correction takes back and the settings have no unit amount for; undefined when there is no such line. */
export function linesBeyondCredit(lines: readonly PackageLine[], { meters }: StripeSettings): string | undefined {
  const missing = lines
    .filter(({ meter, quantity }) => quantity.startsWith('-') && meters[meter]?.creditUnitAmount === undefined)
    .map(({ meter }) => `invoiceApi.settings.meters.${meter}.creditUnitAmount`);
  return missing.length > 0 ? `the correction takes usage back, which needs ${missing.join(', ')}` : undefined;
}

/**
 * In the currency's smallest unit, half away from zero: Stripe rounds 1.5 to 2
 * (https://docs.stripe.com/billing/subscriptions/decimal-amounts), and does not say how it rounds below zero.
 */
function creditOf(quantity: string, unitAmount: string): number {
  return Number(new Big(quantity).times(unitAmount).round(0, Big.roundHalfUp).toFixed());
}
