import {
  type AdaptedInvoiceApi,
  type AdaptedInvoiceApiOptions,
  adaptedInvoiceApi,
} from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type { InvoiceApiAdapter } from '../../lib/invoice-api/adapters/adapter.ts';
import { authorizationOf } from '../../lib/invoice-api/adapters/authorization.ts';
import type { Customers } from '../../lib/invoice-api/adapters/obstacles.ts';
import { parameterAccessToken } from '../../lib/invoice-api/adapters/parameter-access-token.ts';
import { parameterToken } from '../../lib/invoice-api/parameter-token.ts';
import { AccessTokenClaim } from '../../lib/store/access-token-store.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import type { Tables } from '../../lib/store/tables.ts';

/** The API behind a stage's adapter, signed in to with the stage's own secret and access token. */
export function adaptedApiOf(
  adapter: InvoiceApiAdapter,
  { InvoiceApiUrl, InvoiceApiTokenParameter }: { InvoiceApiUrl: string; InvoiceApiTokenParameter: string },
  tables: Tables,
  options: Pick<AdaptedInvoiceApiOptions, 'timeoutMilliseconds' | 'timeoutSignal'> & { customers?: Customers },
  configuration: { region?: string },
): AdaptedInvoiceApi {
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
    ...options,
    authorization: authorizationOf(adapter.authentication, InvoiceApiUrl, provide, keeper),
    maximumConnections: 2,
  });
}
