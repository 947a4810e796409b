import { GetParameterCommand, type SSMClient } from '@aws-sdk/client-ssm';
import { InvoiceApiMisconfigured } from './errors.ts';
import type { TokenProvider } from './http-invoice-api.ts';

/** A token that nobody refused is read anew after this time, so that a rotation that keeps the old one valid is seen. */
const KEPT_MILLISECONDS = 300_000;

/**
 * The bearer token from a SecureString in SSM's Parameter Store. It is kept in memory alone, for five minutes, and read
 * anew at once when the API refuses it: a rotation needs no deploy and stops no run.
 * @throws InvoiceApiMisconfigured when the parameter is empty
 */
export function parameterToken(client: SSMClient, name: string): TokenProvider {
  let kept: { token: Promise<string>; value?: string; readAt: number } | undefined;
  const read = (): Promise<string> => {
    const token = readParameter(client, name);
    const reading: NonNullable<typeof kept> = { token, readAt: Date.now() };
    kept = reading;
    token.then(
      (value) => {
        reading.value = value;
      },
      () => {
        if (kept === reading) kept = undefined;
      },
    );
    return token;
  };
  return async (refused) => {
    const isStale = kept === undefined || Date.now() - kept.readAt > KEPT_MILLISECONDS;
    // Requests under way at the same time are refused together: the first one's reading serves all.
    if (!kept || isStale || (refused !== undefined && kept.value === refused)) return read();
    return kept.token;
  };
}

async function readParameter(client: SSMClient, name: string): Promise<string> {
  const { Parameter } = await client.send(new GetParameterCommand({ Name: name, WithDecryption: true }));
  const token = Parameter?.Value?.trim();
  if (!token)
    throw new InvoiceApiMisconfigured(`The SSM parameter ${name} is empty; put the invoice API's token there.`);
  return token;
}
