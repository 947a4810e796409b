import type { RestHandler } from '../aws-api/aws-api-server.ts';
import { AwsError } from '../aws-api/aws-error.ts';
import { type LambdaFunction, PAYLOAD_LIMIT_BYTES } from './lambda-function.ts';

/**
 * The `Invoke` operation of Lambda (https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html), synchronous
 * (`RequestResponse`) or not (`Event`, with no retries here).
 */
export function lambdaApi(functionOf: (nameOrArn: string) => LambdaFunction | undefined): RestHandler {
  return async ({ method, path, headers, body }) => {
    const match = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/.exec(path);
    if (method !== 'POST' || !match) return undefined;
    const name = decodeURIComponent(match[1] ?? '');
    const lambda = functionOf(name);
    if (!lambda) throw new AwsError('ResourceNotFoundException', `Function not found: ${name}`, 404);
    const payload = body || '{}';
    if (Buffer.byteLength(payload) > PAYLOAD_LIMIT_BYTES) {
      throw new AwsError('RequestEntityTooLargeException', 'Request must be smaller than 6 MB.', 413);
    }
    if (headers['x-amz-invocation-type'] === 'Event') {
      void lambda.invoke(payload);
      return { statusCode: 202, body: '' };
    }
    const outcome = await lambda.invoke(payload);
    return {
      statusCode: 200,
      headers: {
        'x-amz-executed-version': '$LATEST',
        ...(outcome.error ? { 'x-amz-function-error': 'Unhandled' } : {}),
      },
      body: outcome.error ? JSON.stringify(outcome.error) : outcome.payload,
    };
  };
}
