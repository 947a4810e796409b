import { HalfmonthError } from '../errors/halfmonth-error.ts';

/** The invoice API cannot be called with these settings. Nothing was sent. */
export class InvoiceApiMisconfigured extends HalfmonthError {
  readonly code = 'INVOICE_API_MISCONFIGURED';
}

/** A caller asked for what one request cannot carry. Nothing was sent. */
export class TooManyPackageIds extends HalfmonthError {
  readonly code = 'TOO_MANY_PACKAGE_IDS';
  readonly given: number;

  constructor(given: number, limit: number) {
    super(`A status read names 1 to ${limit} packages, and this one ${given}. Cut the list with statusBatches.`);
    this.given = given;
  }
}
