/**
 * An adapter of your own, for an API like QuickBooks Online: `requestid` makes a request safe to repeat for a while,
 * documents are found by a short number, and nothing is listed by our names. Choose it with
 * `adapter: ./docs/examples/like-quickbooks.ts`.
 */
import * as z from 'zod/mini';
import {
  type AdapterAnswer,
  defineAdapter,
  type InvoiceApiAdapter,
  type Step,
  type Submission,
  type Verdict,
} from '../../lib/invoice-api/adapters/adapter.ts';
import { at, listAt, textAt } from '../../lib/invoice-api/adapters/json-paths.ts';
import { shortKey } from '../../lib/invoice-api/adapters/short-key.ts';

const meter = z.strictObject({ item: z.string(), unitPrice: z.number().check(z.gte(0)) });
const settings = z.strictObject({ company: z.string(), meters: z.record(z.string(), meter) });
type Settings = z.output<typeof settings>;

/**
 * What is known after a step: how many documents are made, when the next key may be used first, whether it was looked
 * up.
 */
const progressSchema = z.object({ made: z.number(), at: z.number(), looked: z.boolean() });

const KEY_SAFE_MILLISECONDS = 12 * 3600 * 1000;
const LONGEST_REQUEST_ID = 50;
const LONGEST_NUMBER = 60;

export default defineAdapter({
  name: 'an API like QuickBooks',
  baseUrl: 'https://quickbooks.example.com',
  quotas: { company: '400/60' },
  settings,
  create: (chosen): InvoiceApiAdapter => ({
    facts: {
      requestsPerSubmission: 1,
      idsPerRead: 100,
      namesSubmission: true,
      keyRetentionMilliseconds: KEY_SAFE_MILLISECONDS,
      quantityDecimals: 6,
    },
    authentication: { kind: 'client-credentials', tokenUrl: 'https://oauth.example.com/connect/token' },
    meters: new Set(Object.keys(chosen.meters)),
    step: (submission) => nextStep(submission, chosen),
  }),
});

/**
 * One document for what is to be paid, one for what a correction takes back; a look-up first where the key is too old
 * to trust.
 */
function nextStep(submission: Submission, chosen: Settings): Step {
  const { now, firstSentAt, lines } = submission;
  const start = { made: 0, at: firstSentAt ?? now, looked: false };
  const progress = submission.progress ? progressSchema.parse(submission.progress) : start;
  const kinds = [
    ...(lines.some(({ quantity }) => !quantity.startsWith('-')) ? (['Invoice'] as const) : []),
    ...(lines.some(({ quantity }) => quantity.startsWith('-')) ? (['CreditMemo'] as const) : []),
  ];
  const kind = kinds[progress.made] ?? 'Invoice';
  const isLast = progress.made + 1 >= kinds.length;
  const after: Verdict = isLast
    ? { kind: 'done' }
    : { kind: 'next', progress: { made: progress.made + 1, at: now, looked: false } };
  const isOld = now - progress.at > KEY_SAFE_MILLISECONDS;
  if (isOld && !progress.looked) return lookUp(submission, kind, chosen, progress.made, after);
  return make(submission, kind, chosen, after);
}

function make(submission: Submission, kind: 'Invoice' | 'CreditMemo', chosen: Settings, after: Verdict): Step {
  const { document, customer, idempotencyKey, lines } = submission;
  const requestId = shortKey(`${idempotencyKey}.${kind}`, LONGEST_REQUEST_ID);
  const body = {
    CustomerRef: { value: customer },
    DocNumber: numberOf(submission, kind),
    TxnDate: document.period.to,
    Line: lines
      .filter(({ quantity }) => quantity.startsWith('-') === (kind === 'CreditMemo'))
      .map(({ meter: name, quantity }) => {
        const { item = name, unitPrice = 0 } = chosen.meters[name] ?? {};
        const Qty = Math.abs(Number(quantity));
        return {
          DetailType: 'SalesItemLineDetail',
          Amount: Math.round(Qty * unitPrice * 100) / 100,
          SalesItemLineDetail: { ItemRef: { value: item }, Qty, UnitPrice: unitPrice },
        };
      }),
  };
  return {
    request: {
      method: 'POST',
      path: `/v3/company/${chosen.company}/${kind.toLowerCase()}?requestid=${encodeURIComponent(requestId)}`,
      body: { contentType: 'application/json', text: JSON.stringify(body) },
    },
    verdict: (answer) => {
      if (answer.status === 200) return textAt(answer.json, kind, 'Id') === undefined ? { kind: 'usual' } : after;
      return answer.status === 400 ? { kind: 'rejected', reason: said(answer) } : { kind: 'usual' };
    },
  };
}

function lookUp(
  submission: Submission,
  kind: 'Invoice' | 'CreditMemo',
  chosen: Settings,
  made: number,
  after: Verdict,
): Step {
  const number = numberOf(submission, kind);
  const query = new URLSearchParams({ query: `select * from ${kind} where DocNumber = '${number}'` });
  return {
    request: { method: 'GET', path: `/v3/company/${chosen.company}/query?${query}` },
    verdict: (answer) => {
      if (answer.status !== 200 || typeof at(answer.json, 'QueryResponse') !== 'object') return { kind: 'usual' };
      if (listAt(answer.json, 'QueryResponse', kind).length > 0) return after;
      return { kind: 'next', progress: { made, at: submission.now, looked: true } };
    },
  };
}

/** One revision is billed once under one number. */
function numberOf({ document: { packageId, revision } }: Submission, kind: string): string {
  return shortKey(`${packageId}.r${revision}.${kind}`, LONGEST_NUMBER);
}

function said({ status, json, text }: AdapterAnswer): string {
  const faults = listAt(json, 'Fault', 'Error').map(
    (fault) => `${textAt(fault, 'Message')}: ${textAt(fault, 'Detail')}`,
  );
  return `HTTP ${status}: ${faults.join('; ') || text}`.slice(0, 1500);
}
