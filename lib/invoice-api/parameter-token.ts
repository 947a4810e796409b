import type { SSMClientConfig } from '@aws-sdk/client-ssm';
import type middy from '@middy/core';
import ssm from '@middy/ssm';
import { clearCache, getInternal } from '@middy/util';
import type { Context } from 'aws-lambda';
import type { TokenProvider } from './authorized-caller.ts';
import { InvoiceApiMisconfigured } from './base-url.ts';

/**
 * A token that was not refused is read anew after this time, so that a rotation that keeps the old one valid is seen.
 */
const KEPT_MILLISECONDS = 300_000;
const KEY = 'invoiceApiToken';

/** Puts the token, or the promise of it, into what middlewares share. */
type TokenMiddleware = middy.MiddlewareObj<unknown, unknown, Error, Context, { [KEY]: unknown }>;

/** A bearer token that lives in Parameter Store. */
export interface ParameterToken {
  /** For the handler: begins to read the token, or finds it in the cache, while the invocation does other things. */
  middleware: TokenMiddleware;
  /** For the invoice API: the same token from the same cache, and a new one when the API has refused this one. */
  provide: TokenProvider;
}

/**
 * The bearer token from a SecureString in SSM's Parameter Store, read by `@middy/ssm`. It is kept in memory alone, for
 * five minutes, and read anew at once when the API refuses it: a rotation needs no deploy and stops no run.
 * @param name of the parameter
 * @param awsClientOptions where the environment does not say enough
 * @throws InvoiceApiMisconfigured, when a token is asked for, if there is no such parameter or it is empty
 */
export function parameterToken(name: string, awsClientOptions: SSMClientConfig = {}): ParameterToken {
  const cacheKey = `invoice-api-token:${name}`;
  const middleware = ssm({
    fetchData: { [KEY]: name },
    cacheKey,
    cacheExpiry: KEPT_MILLISECONDS,
    awsClientOptions,
    // A function must be able to load where Parameter Store cannot be reached, and a client takes time to make.
    disablePrefetch: true,
  });
  const read = () => tokenFrom(middleware, name);
  let renewal: Promise<string> | undefined;
  const provide: TokenProvider = async (refused) => {
    const token = await read();
    if (token !== refused) return token;
    // Requests under way at the same time are refused together: one reading serves all.
    if (!renewal) {
      clearCache([cacheKey]);
      renewal = read().finally(() => {
        renewal = undefined;
      });
    }
    return renewal;
  };
  return { middleware, provide };
}

/**
 * Lets the middleware put what it has or reads into a request of its own: an invocation may outlive what its request
 * got.
 */
async function tokenFrom(middleware: TokenMiddleware, name: string): Promise<string> {
  // The middleware touches nothing else of a request.
  const request = { internal: {} } as Parameters<NonNullable<TokenMiddleware['before']>>[0];
  await middleware.before?.(request);
  const token = await getInternal(KEY, request).then(
    (values) => String(values[KEY] ?? '').trim(),
    (error: unknown) => {
      throw readingError(error, name);
    },
  );
  if (!token) {
    throw new InvoiceApiMisconfigured(`The SSM parameter ${name} is empty; put the invoice API's token there.`);
  }
  return token;
}

/**
 * What the middleware wraps: the SDK's own error, which Step Functions tries again by its name, or that nothing is
 * there.
 */
function readingError(error: unknown, name: string): unknown {
  const [cause] = (error as { cause?: { data?: unknown[] } }).cause?.data ?? [error];
  if (cause instanceof Error && cause.message === `InvalidParameter ${name}`) {
    return new InvoiceApiMisconfigured(`There is no SSM parameter ${name}; put the invoice API's token there.`);
  }
  return cause;
}
