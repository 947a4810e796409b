import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

export type { DynamoDBClient };

/** More than any function here has under way at once, so that no request waits for a socket. */
const MAXIMUM_SOCKETS = 256;

/**
 * The DynamoDB client of a function: kept outside of the handler, so that connections outlive invocations. Time-outs are well
 * under any function's own, so that a lost request is tried again and not waited for; whatever is written may be written again.
 * The endpoint is the SDK's to find (`AWS_ENDPOINT_URL_DYNAMODB` points it to a local engine).
 */
export function createDynamoDbClient(options: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 5,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: MAXIMUM_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAXIMUM_SOCKETS },
    },
    ...options,
  });
}
