import type { AdapterAnswer, AdapterRequest, Submission, Verdict } from '../adapter.ts';
import { type FormValue, formEncoded } from '../form-encoding.ts';
import { textAt } from '../json-paths.ts';
import { shortKey } from '../short-key.ts';

/** What every way of billing at Stripe keeps between its requests. */
export interface StepProgress {
  /** When the key of the next request may be used first, in milliseconds since the epoch. */
  at: number;
  /** Answers of this step that Stripe will give again and again under their keys. */
  spoilt: number;
  /** The draft that was made. */
  invoice?: string;
}

/** Objects in a page at most (https://docs.stripe.com/api/pagination). */
export const PAGE_SIZE = 100;

/**
 * https://docs.stripe.com/api/idempotent_requests: keys are gone after 24 hours at the soonest; the hour is for clocks
 * and the way.
 */
const KEY_SAFE_MILLISECONDS = 23 * 3600 * 1000;
/** https://docs.stripe.com/api/idempotent_requests */
const LONGEST_KEY = 255;
/** Of values of metadata (https://docs.stripe.com/api/metadata). */
const LONGEST_METADATA = 500;

/** Whether the next request may have been made so long ago that Stripe knows its key no more. */
export function isKeyOld({ now, firstSentAt }: Submission, progress: StepProgress | undefined): boolean {
  return now - (progress?.at ?? firstSentAt ?? now) > KEY_SAFE_MILLISECONDS;
}

/** From when on an earlier request may have made something, in seconds since the epoch; an hour is for clocks. */
export function madeSince({ now, firstSentAt }: Submission, progress: StepProgress | undefined): number {
  return Math.floor(Math.min(firstSentAt ?? now, progress?.at ?? now) / 1000) - 3600;
}

/** Our names for what is made, as its metadata. */
export function ourNames({ document, idempotencyKey }: Submission) {
  return {
    halfmonth_package: shortKey(document.packageId, LONGEST_METADATA),
    halfmonth_period: document.period.id,
    halfmonth_key: nameOfKey(idempotencyKey),
    halfmonth_revision: String(document.revision),
    ...(document.difference ? { halfmonth_since: String(document.difference.sinceRevision) } : {}),
    halfmonth_content: document.contentHash,
  };
}

/** How many documents a correction has where what it takes back becomes a credit note: two when it adds as well. */
export function countOf({ difference }: Submission['document']): { halfmonth_documents?: string } {
  const lines = difference?.lines ?? [];
  const back = lines.filter(({ quantity }) => quantity.startsWith('-')).length;
  return back > 0 && back < lines.length ? { halfmonth_documents: '2' } : {};
}

/** A key as metadata holds it. */
export function nameOfKey(idempotencyKey: string): string {
  return shortKey(idempotencyKey, LONGEST_METADATA);
}

/** What answers mean that are the same for all of Stripe's objects (https://docs.stripe.com/api/errors). */
export function onObject(
  submission: Submission,
  progress: StepProgress | undefined,
  used: (json: unknown) => Verdict | undefined,
): (answer: AdapterAnswer) => Verdict {
  return (answer) => {
    const { status, json, headers } = answer;
    if (status === 200) return used(json) ?? { kind: 'usual' };
    const type = textAt(json, 'error', 'type');
    if (status === 400 && type === 'idempotency_error') return { kind: 'key-reused', reason: said(answer) };
    if (status === 409) return { kind: 'in-flight', reason: said(answer) };
    if (status === 400 || status === 402 || (status === 404 && type !== undefined)) {
      return { kind: 'rejected', reason: leftBehind(said(answer), progress) };
    }
    if (status >= 500 && headers['idempotent-replayed'] === 'true') {
      // Stripe keeps errors under their key too: it would say so for ever, so it is looked up and asked under another.
      const known = {
        ...progress,
        at: progress?.at ?? submission.now,
        look: true,
        spoilt: (progress?.spoilt ?? 0) + 1,
      };
      return { kind: 'next', progress: known };
    }
    return { kind: 'usual' };
  };
}

function said({ status, json, text }: AdapterAnswer): string {
  const parts = ['code', 'param', 'message'].map((name) => textAt(json, 'error', name));
  const words = parts.filter((part) => part !== undefined).join(': ');
  return `HTTP ${status}: ${words || text}`.slice(0, 1500);
}

function leftBehind(reason: string, progress: StepProgress | undefined): string {
  return progress?.invoice === undefined ? reason : `${reason} (the draft ${progress.invoice} was left as it is)`;
}

/** A key for one step of a submission; another one where Stripe keeps an error under the last. */
export function keyOf({ idempotencyKey }: Submission, step: string, progress: StepProgress | undefined): string {
  const spoilt = progress?.spoilt ? `.again${progress.spoilt}` : '';
  return shortKey(`${idempotencyKey}.${step}${spoilt}`, LONGEST_KEY);
}

/** A request that makes something, under its key. */
export function post(path: string, params: object, key: string): AdapterRequest {
  // Plain values all the way down, as the package types them.
  const body = {
    contentType: 'application/x-www-form-urlencoded',
    text: formEncoded(params as { [name: string]: FormValue }),
  };
  return { method: 'POST', path, headers: { 'idempotency-key': key }, body };
}

/** A request that only asks. */
export const get = (path: string): AdapterRequest => ({ method: 'GET', path });
