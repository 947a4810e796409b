import { InvoiceApiMisconfigured } from '../base-url.ts';

/**
 * Yields the value of `Authorization`, before each request. `refused` is the value that the API refused last, if any:
 * whatever it was made from is then read or asked for anew.
 */
export type AuthorizationProvider = (refused: string | undefined) => Promise<string>;

/** The value of basic authentication (RFC 7617). @throws InvoiceApiMisconfigured for what is not `user:password` */
export function basic(secret: string): string {
  if (!/^[^:\s]+:\S+$/.test(secret)) {
    throw new InvoiceApiMisconfigured("The invoice API's secret must be written as NAME:SECRET in its parameter.");
  }
  return `Basic ${Buffer.from(secret, 'utf8').toString('base64')}`;
}
