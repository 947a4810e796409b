import { type IncomingMessage, request, type ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { AwsError } from './aws-error.ts';

/** Where an engine listens: an address, or a socket file that only this user may open. */
export type EngineAddress = { endpoint: string } | { socketPath: string };

/**
 * Hands a request on, byte for byte, to the engine that serves it, and its answer back.
 * @throws AwsError ServiceUnavailable when the engine does not answer
 */
export async function forward(
  incoming: IncomingMessage,
  body: Buffer,
  response: ServerResponse,
  engine: EngineAddress,
): Promise<void> {
  const outgoing = request({
    ...destinationOf(engine),
    method: incoming.method,
    path: incoming.url,
    headers: incoming.headers,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  outgoing.end(body);
  const answer = await answered.catch((error: Error) => {
    throw new AwsError(
      'ServiceUnavailable',
      `The engine behind the local cloud does not answer: ${error.message}`,
      503,
    );
  });
  response.writeHead(answer.statusCode ?? 502, answer.headers);
  await pipeline(answer, response);
}

function destinationOf(engine: EngineAddress): { hostname: string; port: string } | { socketPath: string } {
  if ('socketPath' in engine) return engine;
  const { hostname, port } = new URL(engine.endpoint);
  return { hostname, port };
}
