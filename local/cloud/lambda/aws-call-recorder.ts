import { subscribe } from 'node:diagnostics_channel';
import type { ClientRequest } from 'node:http';

/** One request of the AWS JSON protocol, as it left. */
export interface RecordedCall {
  service: string;
  operation: string;
  input: unknown;
}

/**
 * Reports every AWS call that this thread makes, whatever SDK it bundles: it watches the requests of `node:http`, so it
 * costs the calls no extra hop.
 */
export function recordAwsCalls(report: (call: RecordedCall) => void): void {
  subscribe('http.client.request.created', (message) => {
    // The channel's documented message: https://nodejs.org/api/diagnostics_channel.html#http
    const { request } = message as { request: ClientRequest };
    const target = request.getHeader('x-amz-target');
    if (typeof target !== 'string') return;
    const [service = '', operation = ''] = target.split('.');
    whenEnded(request, (body) => report({ service, operation, input: body ? JSON.parse(body) : {} }));
  });
}

function whenEnded(request: ClientRequest, callback: (body: string) => void): void {
  const chunks: Buffer[] = [];
  const keep = (chunk: unknown) => {
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) chunks.push(Buffer.from(chunk));
  };
  const { write, end } = request;
  // Both are overloaded; what they are called with passes through unchanged.
  request.write = ((...parameters: unknown[]) => {
    keep(parameters[0]);
    return Reflect.apply(write, request, parameters);
  }) as typeof write;
  request.end = ((...parameters: unknown[]) => {
    keep(parameters[0]);
    callback(Buffer.concat(chunks).toString('utf8'));
    return Reflect.apply(end, request, parameters);
  }) as typeof end;
}
