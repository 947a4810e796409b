import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AwsError } from './aws-error.ts';

/**
 * Hands a request on, byte for byte, to the engine that serves it, and its answer back.
 * @throws AwsError ServiceUnavailable when the engine does not answer
 */
export async function forward(incoming: IncomingMessage, response: ServerResponse, endpoint: string): Promise<void> {
  const { hostname, port } = new URL(endpoint);
  const outgoing = request({
    hostname,
    port,
    method: incoming.method,
    path: incoming.url,
    headers: { ...incoming.headers, host: `${hostname}:${port}` },
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  const [answer] = await Promise.all([answered, pipeline(incoming, outgoing)]).catch((error: Error) => {
    throw new AwsError('ServiceUnavailable', `${endpoint} does not answer: ${error.message}`, 503);
  });
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, response);
}
