import { randomUUID } from 'node:crypto';
import type { RestAnswer } from './aws-api-server.ts';

/** An answer of a service that says what was wrong with the request. */
export interface QueryError {
  code: string;
  message: string;
}

/**
 * What an action of a service in the Query protocol answers
 * (https://smithy.io/2.0/aws/protocols/aws-query-protocol.html).
 */
export function queryAnswer(namespace: string, action: string, content: string): RestAnswer {
  const metadata = element('ResponseMetadata', element('RequestId', randomUUID()));
  const result = element(`${action}Result`, content);
  return xml(200, `<${action}Response xmlns="${namespace}">${result}${metadata}</${action}Response>`);
}

/** What such a service answers to a request that it cannot follow. */
export function queryRefusal(namespace: string, { code, message }: QueryError, statusCode = 400): RestAnswer {
  const error = element('Type', 'Sender') + element('Code', code) + element('Message', escaped(message));
  const body = element('Error', error) + element('RequestId', randomUUID());
  return xml(statusCode, `<ErrorResponse xmlns="${namespace}">${body}</ErrorResponse>`);
}

/** An element of XML; its content is not escaped. */
export function element(name: string, content: string): string {
  return `<${name}>${content}</${name}>`;
}

/** Text as it stands in an element of XML. */
export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function xml(statusCode: number, body: string): RestAnswer {
  return { statusCode, headers: { 'content-type': 'text/xml' }, body };
}
