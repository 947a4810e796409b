import * as z from 'zod/mini';
import { isAdditiveKind } from '../../../meters/measure.ts';
import { type DayQuantity, measureOfLine, type PackageLine } from '../../../packages/lines.ts';
import { BillingCalendar } from '../../../periods/days.ts';
import type { AdapterAnswer, Step, Submission, Verdict } from '../adapter.ts';
import { at, listAt, textAt } from '../json-paths.ts';
import { shortKey } from '../short-key.ts';

/** Events in a batch at most (https://getlago.com/docs/api-reference/events/batch). */
export const BATCH_SIZE = 100;
/** The column's length in Lago's database. */
const LONGEST_TRANSACTION_ID = 255;
const NOON_MILLISECONDS = 12 * 3600 * 1000;

/** One event, as `EventInputObject` of https://github.com/getlago/lago-openapi has it. */
interface LagoEvent {
  transaction_id: string;
  external_subscription_id: string;
  code: string;
  /** Seconds since the epoch. */
  timestamp: number;
  properties: Record<string, string>;
}

/** How far a submission has come. */
const progressSchema = z.object({
  /** Events that Lago holds, from the beginning. */
  taken: z.number(),
  /** Of the next batch, those that it holds already, by their transaction ids. */
  known: z._default(z.array(z.string()), []),
});

type Meters = Readonly<Record<string, { code: string; field: string }>>;

/**
 * The next batch. One that holds an event twice is refused whole, so what is there already is left out the next time.
 */
export function nextBatch(submission: Submission, meters: Meters): Step {
  const { taken, known } = progressSchema.parse(submission.progress ?? { taken: 0 });
  const events = eventsOf(submission, meters);
  const batch = events.slice(taken, taken + BATCH_SIZE);
  const missing = batch.filter(({ transaction_id: id }) => !known.includes(id));
  const after = taken + batch.length;
  const accepted: Verdict =
    after >= events.length
      ? { kind: 'done', replayed: known.length > 0 }
      : { kind: 'next', progress: { taken: after } };
  return {
    request: {
      method: 'POST',
      path: '/api/v1/events/batch',
      body: { contentType: 'application/json', text: JSON.stringify({ events: missing }) },
    },
    verdict: (answer) => {
      if (answer.status === 200) return listAt(answer.json, 'events').length > 0 ? accepted : { kind: 'usual' };
      if (answer.status === 422) return ofFaults(answer, missing, { accepted, taken, known });
      if (answer.status === 404) return { kind: 'rejected', reason: said(answer) };
      return { kind: 'usual' };
    },
  };
}

/**
 * Faults come by the event's position in the batch: `{"0":{"transaction_id":["value_already_exist"]}}`
 * (https://github.com/getlago/lago-api/issues/3049). One that is there already is what we want; older versions took the
 * others of such a batch all the same (https://github.com/getlago/lago-api/pull/4772), which the next answer then
 * tells.
 */
function ofFaults(
  answer: AdapterAnswer,
  sent: readonly LagoEvent[],
  { accepted, taken, known }: { accepted: Verdict; taken: number; known: readonly string[] },
): Verdict {
  const details = at(answer.json, 'error_details');
  if (typeof details !== 'object' || details === null) return { kind: 'rejected', reason: said(answer) };
  const there: string[] = [];
  for (const [position, faults] of Object.entries(details)) {
    const event = sent[Number(position)];
    const isThere = JSON.stringify(faults) === '{"transaction_id":["value_already_exist"]}';
    if (event === undefined || !isThere) return { kind: 'rejected', reason: said(answer) };
    there.push(event.transaction_id);
  }
  if (there.length === 0) return { kind: 'rejected', reason: said(answer) };
  if (there.length === sent.length) return accepted.kind === 'done' ? { kind: 'done', replayed: true } : accepted;
  return { kind: 'next', progress: { taken, known: [...known, ...there] } };
}

/** One for each meter and day, always in the same order. */
function eventsOf({ document, lines, customer }: Submission, meters: Meters): LagoEvent[] {
  const { packageId, revision, period, contentHash, difference } = document;
  // Lago keeps properties that no metric asks for, and lists them: so each event says whose it is.
  const names = {
    halfmonth_package: packageId,
    halfmonth_revision: String(revision),
    ...(difference ? { halfmonth_since: String(difference.sinceRevision) } : {}),
    halfmonth_events: String(lines.reduce((sum, line) => sum + daysToBill(line).length, 0)),
    halfmonth_content: contentHash,
  };
  const calendar = new BillingCalendar(period.timeZone, 60);
  return lines.flatMap((line) => {
    const { meter } = line;
    const mapped = Object.hasOwn(meters, meter) ? meters[meter] : undefined;
    const { code, field } = mapped ?? { code: meter, field: meter };
    return daysToBill(line).map(({ day, quantity }) => ({
      transaction_id: shortKey(`${packageId}.r${revision}.${measureOfLine(line)}.${day}`, LONGEST_TRANSACTION_ID),
      external_subscription_id: customer,
      code,
      // Noon, so that it is the same day wherever the subscription is.
      timestamp: Math.floor((calendar.startOfDay(day) + NOON_MILLISECONDS) / 1000),
      properties: { ...names, [field]: quantity },
    }));
  });
}

/** Lago adds events up: what does not add up over days is told once, on the last of them; a change of it likewise. */
function daysToBill({ kind, quantity, days }: PackageLine): readonly DayQuantity[] {
  if (kind === undefined || isAdditiveKind(kind)) return days;
  const [last] = days.slice(-1);
  return last === undefined ? [] : [{ day: last.day, quantity }];
}

function said({ status, json, text }: AdapterAnswer): string {
  const code = textAt(json, 'code') ?? textAt(json, 'error');
  const details = at(json, 'error_details');
  return `HTTP ${status}: ${code ?? text}${details === undefined ? '' : ` ${JSON.stringify(details)}`}`.slice(0, 1500);
}
