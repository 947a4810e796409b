import { add } from '../../lib/decimal/decimal.ts';

/** Adds quantities up by name, exactly; names whose sum is nothing are left out. */
export function exactSums(entries: Iterable<readonly [string, string]>): Record<string, string> {
  const sums: Record<string, string> = {};
  for (const [name, quantity] of entries) sums[name] = add(sums[name] ?? '0', quantity);
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== '0'));
}
