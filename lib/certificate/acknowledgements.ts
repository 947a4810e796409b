import { sha256 } from './canonical.ts';

/** The idempotency keys under which the invoice API processed a stretch of packages: one step of one chunk's worker. */
export interface AcknowledgementList {
  chunk: number;
  step: number;
  count: number;
  digest: string;
}

/** SHA-256 over the keys, sorted, one a line. */
export function digestOfKeys(keys: readonly string[]): string {
  return sha256(keys.toSorted().join('\n'));
}

/** SHA-256 over the lists in the order of chunks and steps, one `<chunk> <step> <count> <digest>` a line. */
export function digestOfLists(lists: readonly AcknowledgementList[]): string {
  const sorted = lists.toSorted((one, other) => one.chunk - other.chunk || one.step - other.step);
  return sha256(sorted.map(({ chunk, step, count, digest }) => `${chunk} ${step} ${count} ${digest}`).join('\n'));
}
