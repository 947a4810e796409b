import {
  GetParameterCommand,
  ParameterNotFound,
  PutParameterCommand,
  SSMClient,
  type SSMClientConfig,
} from '@aws-sdk/client-ssm';
import type { AccessTokenKeeper } from './client-credentials.ts';
import { at, textAt } from './json-paths.ts';

/**
 * Keeps the access token of all Lambdas in a SecureString beside the secret that it is made from:
 * `<parameter>/access-token`.
 * @param claim lets one of all who need it ask
 */
export function parameterAccessToken(
  parameter: string,
  claim: AccessTokenKeeper['claim'],
  configuration: SSMClientConfig = {},
): AccessTokenKeeper {
  let made: SSMClient | undefined;
  const client = (): SSMClient => {
    made ??= new SSMClient(configuration);
    return made;
  };
  const Name = accessTokenParameter(parameter);
  return {
    claim,
    async load() {
      try {
        const { Parameter } = await client().send(new GetParameterCommand({ Name, WithDecryption: true }));
        const kept: unknown = JSON.parse(Parameter?.Value ?? '{}');
        const value = textAt(kept, 'value');
        return value === undefined ? undefined : { value, expiresAt: Number(at(kept, 'expiresAt')) };
      } catch (error) {
        if (error instanceof ParameterNotFound) return undefined;
        throw error;
      }
    },
    async save(token) {
      await client().send(
        new PutParameterCommand({ Name, Value: JSON.stringify(token), Type: 'SecureString', Overwrite: true }),
      );
    },
  };
}

/** Where the access token of a secret is kept. */
export function accessTokenParameter(parameter: string): string {
  return `${parameter}/access-token`;
}
