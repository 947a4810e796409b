import { MeterSums } from '../../lib/decimal/meter-sums.ts';
import { totalsWords } from '../terminal/words.ts';
import type { RejectedEntry } from './rejected-messages.ts';

/** What can be read of an event that could not be counted; empty where it is not to be read. */
export interface RejectedContent {
  clientId: string;
  meter: string;
  quantity: string;
}

const DECIMAL = /^-?\d{1,40}(\.\d{1,40})?$/;

/** Reads what a rejected event says of client, meter and quantity, whatever is wrong with the rest of it. */
export function contentOf({ body }: Pick<RejectedEntry, 'body'>): RejectedContent {
  let event: unknown;
  try {
    event = JSON.parse(body);
  } catch {
    event = undefined;
  }
  const { subject, data } = membersOf(event);
  const { meter, quantity } = membersOf(data);
  return { clientId: textOf(subject), meter: textOf(meter), quantity: textOf(quantity) };
}

/** Whom the events are of, and the amounts that can be read of them: what nobody will be billed for. */
export function atStakeWords(entries: readonly RejectedEntry[]): string {
  const contents = entries.map(contentOf);
  const clients = [...new Set(contents.map(({ clientId }) => clientId).filter((clientId) => clientId !== ''))].sort();
  const sums = new MeterSums();
  let unreadable = 0;
  for (const { meter, quantity } of contents) {
    if (meter !== '' && DECIMAL.test(quantity)) sums.add(meter, quantity);
    else unreadable += 1;
  }
  const named = clients.slice(0, CLIENTS_NAMED).map(oneLine).join(', ');
  const more = clients.length > CLIENTS_NAMED ? ` and ${clients.length - CLIENTS_NAMED} clients more` : '';
  const whose = clients.length === 0 ? 'of clients that cannot be read' : `of ${named}${more}`;
  const amounts = unreadable === entries.length ? '' : `: ${oneLine(totalsWords(sums.totals()))}`;
  return `${whose}${amounts}${unreadable > 0 ? `; the amount of ${unreadable} cannot be read` : ''}`;
}

const CLIENTS_NAMED = 5;

/** A text from outside in one line, without a character that a terminal would act on. */
export function oneLine(text: string): string {
  return text
    .replaceAll(/\s+/g, ' ')
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

function membersOf(value: unknown): Record<string, unknown> {
  // Any object has members by name.
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
