import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import type { VendorRequest, VendorRules } from './vendor-api.ts';

/** A request that had an effect, as it is kept. */
interface JournalLine {
  /** Milliseconds since the epoch, by the API's clock. */
  at: number;
  /** Whether the API failed at it. */
  failed: boolean;
  method: string;
  path: string;
  query: string;
  key?: string;
  text: string;
}

/**
 * Rules that remember over restarts: each request that may have changed something is written to a file, and whoever
 * starts with that file goes through them again.
 */
export function remembering(rules: VendorRules, file: string): VendorRules {
  if (existsSync(file)) {
    for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) replay(rules, JSON.parse(line));
  }
  const noted = (request: VendorRequest, at: number, failed: boolean): void => {
    if (request.method !== 'GET') appendFileSync(file, `${JSON.stringify(lineOf(request, at, failed))}\n`);
  };
  return {
    ...rules,
    answer(request, now) {
      noted(request, now, false);
      return rules.answer(request, now);
    },
    failed(request, now) {
      noted(request, now, true);
      return rules.failed(request, now);
    },
  };
}

function lineOf({ method, path, query, headers, text }: VendorRequest, at: number, failed: boolean): JournalLine {
  const key = headers['idempotency-key'];
  return { at, failed, method, path, query: query.toString(), ...(typeof key === 'string' ? { key } : {}), text };
}

function replay(rules: VendorRules, { at, failed, key, query, ...rest }: JournalLine): void {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  const request = { ...rest, query: new URLSearchParams(query), headers };
  if (failed) rules.failed(request, at);
  else rules.answer(request, at);
}
