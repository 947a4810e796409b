import { HalfmonthError } from '../errors/halfmonth-error.ts';

/**
 * Where an invoice API with this base URL takes packages.
 * @param baseUrl `https://invoices.example.com`, or with a path in front of `/v1`
 * @throws InvoiceApiMisconfigured when it is no HTTPS URL, or carries credentials, a query or a fragment; `http://` is
 * for this machine alone
 */
export function packagesUrlOf(baseUrl: string): URL {
  const url = safeUrlOf(baseUrl);
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/v1/packages`;
  return url;
}

/**
 * An address that a secret may be sent to.
 * @param name what the address is, for the message: `The invoice API's base URL`
 * @throws InvoiceApiMisconfigured when it is no HTTPS URL, or carries credentials, a query or a fragment; `http://` is
 * for this machine alone
 */
export function safeUrlOf(address: string, name = "The invoice API's base URL"): URL {
  const url = URL.parse(address);
  const wrong = (what: string): never => {
    throw new InvoiceApiMisconfigured(`${name} ${what}; write it as https://invoices.example.com`);
  };
  if (url === null) return wrong('is not a URL');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return wrong(`begins with ${url.protocol}`);
  if (url.protocol === 'http:' && !isLoopback(url.hostname))
    return wrong('begins with http:, and the token would travel in clear');
  if (url.username || url.password) return wrong('carries credentials; they belong in the token');
  if (url.search || url.hash) return wrong('carries a query or a fragment');
  return url;
}

/** Whether a host is this machine by its name: what a name server answers does not count. */
export function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(\.\d{1,3}){3}$/.test(hostname);
}

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
