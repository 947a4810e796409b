import * as z from 'zod/mini';
import type { AdapterAnswer, Step, Submission, Verdict } from '../adapter.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { shortKey } from '../short-key.ts';
import { type DocumentKind, documentBody, documentsOf, isReferenceTo, NAMES, numberOf } from './documents.ts';
import type { XeroSettings } from './settings.ts';

/** How far a submission has come. */
const progressSchema = z.object({
  /** Documents that are there. */
  made: z._default(z.number(), 0),
  /** Why Xero refused the next one: perhaps because it is there. */
  refused: z.exactOptional(z.string()),
});

/** `Idempotency-Key` in Xero's description. */
const LONGEST_KEY = 128;

/**
 * The next request of a submission. PUT only makes, where POST would change what has the number already
 * (https://developer.xero.com/documentation/api/accounting/invoices); so a second one is refused, and then looked up.
 */
export function nextStep(submission: Submission, settings: XeroSettings): Step {
  const { made, refused } = progressSchema.parse(submission.progress ?? {});
  const kinds = documentsOf(submission);
  const kind = kinds[made] ?? 'invoice';
  const after: Verdict = made + 1 >= kinds.length ? { kind: 'done' } : { kind: 'next', progress: { made: made + 1 } };
  return refused === undefined
    ? make(kind, made, submission, settings, after)
    : lookUp(kind, submission, { refused, after });
}

function make(kind: DocumentKind, made: number, submission: Submission, settings: XeroSettings, after: Verdict): Step {
  const { path, list, number } = NAMES[kind];
  const body = { [list]: [documentBody(kind, submission, settings)] };
  return {
    request: {
      method: 'PUT',
      path: `${path}?unitdp=4&summarizeErrors=true`,
      headers: { 'idempotency-key': shortKey(`${submission.idempotencyKey}.${kind}`, LONGEST_KEY) },
      body: { contentType: 'application/json', text: JSON.stringify(body) },
    },
    verdict: (answer) => {
      const [document] = listAt(answer.json, list);
      // A status of 200 says nothing of a document that carries errors.
      if (answer.status === 200 && at(document, 'HasErrors') !== true) {
        return textAt(document, number) === numberOf(submission) ? after : { kind: 'usual' };
      }
      if (answer.status === 400 || (answer.status === 200 && document !== undefined)) {
        return { kind: 'next', progress: { made, refused: said(answer, list) } };
      }
      if (answer.status === 404) return { kind: 'rejected', reason: said(answer, list) };
      return { kind: 'usual' };
    },
  };
}

function lookUp(
  kind: DocumentKind,
  submission: Submission,
  { refused, after }: { refused: string; after: Verdict },
): Step {
  const { path, list, number } = NAMES[kind];
  const ours = numberOf(submission);
  const query =
    kind === 'invoice'
      ? new URLSearchParams({ InvoiceNumbers: ours })
      : new URLSearchParams({ where: `CreditNoteNumber=="${ours}"` });
  return {
    request: { method: 'GET', path: `${path}?${query}` },
    verdict: (answer) => {
      if (answer.status !== 200 || !Array.isArray(at(answer.json, list))) return { kind: 'usual' };
      const found = listAt(answer.json, list).find((document) => textAt(document, number) === ours);
      if (found === undefined) return { kind: 'rejected', reason: refused };
      const status = textAt(found, 'Status');
      if (!isReferenceTo(submission, textAt(found, 'Reference'))) {
        return { kind: 'key-reused', reason: `the number ${ours} is of another document: ${refused}` };
      }
      if (status === 'VOIDED' || status === 'DELETED') {
        return {
          kind: 'key-reused',
          reason: `the document ${ours} is there and was ${status.toLowerCase()} by somebody`,
        };
      }
      return after.kind === 'done' ? { kind: 'done', replayed: true } : after;
    },
  };
}

/** `ApiException` and `ValidationErrors` (https://developer.xero.com/documentation/api/accounting/responsecodes). */
function said({ status, json, text }: AdapterAnswer, list: string): string {
  const elements = [...listAt(json, 'Elements'), ...listAt(json, list)];
  const faults = elements.flatMap((element) =>
    listAt(element, 'ValidationErrors').map((fault) => textAt(fault, 'Message') ?? ''),
  );
  const words = faults.filter(Boolean).join('; ') || textAt(json, 'Message') || textAt(json, 'Detail') || text;
  return `HTTP ${status}: ${words}`.slice(0, 1500);
}
