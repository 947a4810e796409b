import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { PortTaken } from '../../engines/port-taken.ts';
import { AwsError } from './aws-error.ts';
import { refuseForeignCaller, refuseForeignSignature } from './caller-check.ts';
import { type EngineAddress, forward } from './forwarding.ts';
import { signingScopeOf } from './signing-scope.ts';

/** One operation of a service that speaks the AWS JSON protocol. */
export type Operation = (input: unknown) => unknown;

/** The operations of one service by their names. */
export type Service = Record<string, Operation>;

/** What a request outside of the AWS JSON protocol is answered with; undefined when it is none of this handler's. */
export type RestHandler = (request: {
  method: string;
  path: string;
  headers: IncomingMessage['headers'];
  body: string;
}) => Promise<RestAnswer | undefined>;

/** An answer of a REST-like API. */
export interface RestAnswer {
  statusCode: number;
  headers?: Record<string, string>;
  body: string;
}

/** A server of AWS APIs. */
export interface AwsApiServer {
  endpoint: string;
  stop(): Promise<void>;
}

/** What a server answers, and how. */
export interface AwsApis {
  /** By the prefix in `X-Amz-Target`. */
  services: Record<string, Service>;
  /** Asked one after the other for what has no `X-Amz-Target`. */
  rest: readonly RestHandler[];
  /** The engines behind this server by the service's name in signatures, such as `dynamodb`. */
  forwarded: Record<string, EngineAddress>;
}

/**
 * Serves AWS APIs on loopback, all at one address, so that `AWS_ENDPOINT_URL` alone leads an SDK here: the AWS JSON
 * protocol (https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html), REST handlers, and what engines behind it
 * answer. It answers nobody but programs of this machine that sign with the secret: no page, no rebound name, no other
 * user.
 * @param apis may be filled after the start: what is not there yet is unknown
 * @param options.secret what every request must be signed with
 * @throws PortTaken
 */
export async function startAwsApiServer(
  apis: AwsApis,
  { port, secret }: { port?: number | undefined; secret: string },
): Promise<AwsApiServer> {
  const server = createServer((request, response) => {
    serve(request, response, apis, secret).catch((error) => {
      if (response.headersSent) response.destroy();
      else send(response, errorAnswer(error));
    });
  });
  server.listen(port ?? 0, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') {
      throw new PortTaken(port ?? 0, 'the local cloud');
    }
    throw error;
  }
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

async function serve(request: IncomingMessage, response: ServerResponse, apis: AwsApis, secret: string): Promise<void> {
  refuseForeignCaller(request);
  const body = await buffer(request);
  await refuseForeignSignature(request, body, secret);
  const scope = signingScopeOf(request.headers.authorization);
  const engine = scope && apis.forwarded[scope.service];
  if (engine) await forward(request, body, response, engine);
  else send(response, await answer(request, body.toString('utf8'), apis));
}

async function answer(request: IncomingMessage, body: string, { services, rest }: AwsApis): Promise<RestAnswer> {
  const target = request.headers['x-amz-target'];
  if (typeof target === 'string') return answerJson(target, body, services);
  const path = new URL(request.url ?? '/', 'http://127.0.0.1').pathname;
  for (const handler of rest) {
    const result = await handler({ method: request.method ?? 'GET', path, headers: request.headers, body });
    if (result) return result;
  }
  throw new AwsError('UnknownOperationException', `The local cloud has nothing at ${request.method} ${path}.`, 404);
}

async function answerJson(target: string, body: string, services: Record<string, Service>): Promise<RestAnswer> {
  const [service = '', name = ''] = target.split('.');
  const operation = services[service]?.[name];
  if (!operation) {
    throw new AwsError('UnknownOperationException', `The local cloud does not know ${target}.`);
  }
  const output = await operation(body ? JSON.parse(body) : {});
  return { statusCode: 200, body: JSON.stringify(output ?? {}) };
}

function errorAnswer(error: unknown): RestAnswer {
  const { type, message, statusCode } = awsErrorOf(error);
  return {
    statusCode,
    headers: { 'x-amzn-errortype': type },
    body: JSON.stringify({ __type: type, message }),
  };
}

function awsErrorOf(error: unknown): AwsError {
  if (error instanceof AwsError) return error;
  if (error instanceof z.ZodError) return new AwsError('ValidationException', z.prettifyError(error));
  if (error instanceof SyntaxError) return new AwsError('SerializationException', error.message);
  return new AwsError('InternalFailure', error instanceof Error ? error.message : String(error), 500);
}

function send(response: ServerResponse, { statusCode, headers, body }: RestAnswer): void {
  response.writeHead(statusCode, {
    'content-type': 'application/x-amz-json-1.0',
    'x-amzn-requestid': randomUUID(),
    ...headers,
  });
  response.end(body);
}
