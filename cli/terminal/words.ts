import type { MeterTotals } from '../../lib/usage/records.ts';

/** A length of time for a person: `40 s`, `12 min`, `3 h 20 min`, `2 d 4 h`. */
export function durationWords(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** An instant (milliseconds since the epoch) as RFC 3339 in UTC, whole seconds. */
export function timeWords(instant: number): string {
  return `${new Date(instant).toISOString().slice(0, 19)}Z`;
}

/** `1 package`, `3 packages`. */
export function plural(count: number, word: string): string {
  return `${count.toLocaleString('en')} ${word}${count === 1 ? '' : 's'}`;
}

/** Totals in one line, meter by meter; at most five of them. */
export function totalsWords(totals: MeterTotals): string {
  // Maps come back from DynamoDB in any order.
  const entries = Object.entries(totals).sort(([one], [other]) => (one < other ? -1 : 1));
  if (entries.length === 0) return 'nothing';
  const shown = entries.slice(0, 5).map(([meter, quantity]) => `${meter} ${quantity}`);
  return [...shown, ...(entries.length > 5 ? [`and ${entries.length - 5} meters more`] : [])].join(', ');
}

/** An amount in US dollars that is an estimate. */
export function dollarsWords(amount: number): string {
  return amount < 0.01 ? 'less than 0.01 USD' : `about ${amount.toFixed(2)} USD`;
}
