import type { TokenProvider } from '../authorized-caller.ts';
import { InvoiceApiMisconfigured, isLoopback, safeUrlOf } from '../base-url.ts';
import type { Authentication } from './adapter.ts';
import { type AuthorizationProvider, basic } from './basic-authorization.ts';
import { type AccessTokenKeeper, clientCredentials } from './client-credentials.ts';

/**
 * Signs in as the API wants it, with the secret that the provider yields.
 * @param baseUrl where the API is: a sender to this machine signs in there too, never at the vendor
 * @param keeper where an access token is kept for all who need it
 * @param now milliseconds since the epoch; default `Date.now`
 * @throws InvoiceApiMisconfigured when the secret could be read on its way to where tokens are asked for
 */
export function authorizationOf(
  authentication: Authentication,
  baseUrl: string,
  secret: TokenProvider,
  keeper: AccessTokenKeeper,
  now?: () => number,
): AuthorizationProvider {
  switch (authentication.kind) {
    case 'bearer':
      return fromSecret(secret, (token) => {
        // RFC 6750, section 2.1; Node would refuse a line break too, but with an error that quotes the token.
        if (!/^[A-Za-z0-9\-._~+/]+=*$/.test(token)) {
          throw new InvoiceApiMisconfigured("The invoice API's token is empty or not a bearer token (RFC 6750).");
        }
        return `Bearer ${token}`;
      });
    case 'basic':
      return fromSecret(secret, basic);
    case 'client-credentials':
      return clientCredentials(
        { ...authentication, tokenUrl: tokenUrlOf(authentication.tokenUrl, baseUrl) },
        secret,
        keeper,
        now,
      );
  }
}

function tokenUrlOf(tokenUrl: string, baseUrl: string): string {
  const [asked, api] = [safeUrlOf(tokenUrl, 'The address where access tokens are asked for'), safeUrlOf(baseUrl)];
  return isLoopback(api.hostname) ? new URL(asked.pathname, api.origin).href : asked.href;
}

function fromSecret(secret: TokenProvider, value: (secret: string) => string): AuthorizationProvider {
  let last: { secret: string; value: string } | undefined;
  return async (refused) => {
    const read = await secret(refused !== undefined && refused === last?.value ? last.secret : undefined);
    last = { secret: read, value: value(read) };
    return last.value;
  };
}
