import { adaptedInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type { InvoiceApiAdapter } from '../../lib/invoice-api/adapters/adapter.ts';
import { authorizationOf } from '../../lib/invoice-api/adapters/authorization.ts';
import { parameterAccessToken } from '../../lib/invoice-api/adapters/parameter-access-token.ts';
import type { HttpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import { parameterToken } from '../../lib/invoice-api/parameter-token.ts';
import { AccessTokenClaim } from '../../lib/store/access-token-store.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import type { Tables } from '../../lib/store/tables.ts';

/** The API behind a stage's adapter, signed in to with the stage's own secret and access token. */
export function adaptedApiOf(
  adapter: InvoiceApiAdapter,
  { InvoiceApiUrl, InvoiceApiTokenParameter }: { InvoiceApiUrl: string; InvoiceApiTokenParameter: string },
  tables: Tables,
  { timeoutMilliseconds, ...configuration }: { region?: string; timeoutMilliseconds: number },
): HttpInvoiceApi {
  const { provide } = parameterToken(InvoiceApiTokenParameter, configuration);
  const claim = new AccessTokenClaim(tables);
  const keeper = parameterAccessToken(
    InvoiceApiTokenParameter,
    (milliseconds) => claim.claim(milliseconds),
    configuration,
  );
  return adaptedInvoiceApi(adapter, {
    baseUrl: InvoiceApiUrl,
    customers: new ClientStore(tables),
    authorization: authorizationOf(adapter.authentication, InvoiceApiUrl, provide, keeper),
    timeoutMilliseconds,
    maximumConnections: 2,
  });
}
