import type { ServerResponse } from 'node:http';
import type { components } from '../../lib/invoice-api/contract.ts';

type Problem = components['schemas']['Problem'];

/** An answer, ready to be written. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** A 2xx answer with JSON. */
export function json(status: number, value: unknown, headers: Record<string, string> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** An answer with problem details (RFC 9457). */
export function problem(
  status: number,
  title: string,
  detail: string,
  more: { errors?: Problem['errors']; headers?: Record<string, string> } = {},
): Answer {
  const details: Problem = {
    type: 'about:blank',
    title,
    status,
    detail,
    ...(more.errors ? { errors: more.errors } : {}),
  };
  return {
    status,
    headers: { 'content-type': 'application/problem+json', ...more.headers },
    body: JSON.stringify(details),
  };
}

/** Writes the whole answer. */
export function write(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': String(Buffer.byteLength(answer.body)),
  });
  response.end(answer.body);
}

/** Writes the head and the first byte, promises the rest, and leaves it at that. */
export function writeBeginning(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  response.writeHead(answer.status, {
    ...answer.headers,
    'content-length': String(Buffer.byteLength(answer.body)),
  });
  response.write(answer.body.slice(0, 1));
}

/** The answer with half of its body, as if it were whole. */
export function cut(answer: Answer): Answer {
  return { ...answer, body: answer.body.slice(0, Math.floor(answer.body.length / 2)) };
}
