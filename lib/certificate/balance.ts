import { firstDifference, sumOfTotals } from '../decimal/meter-sums.ts';
import { HalfmonthError, type Remedy } from '../errors/halfmonth-error.ts';
import type { MeterTotals } from '../usage/records.ts';
import type { Certificate, CertificateContent } from './certificate.ts';
import type { Fault } from './kept-document.ts';
import { seal } from './seal.ts';

/** The first line of an account whose two sides disagree. */
export interface Disagreement {
  /** What was compared, in words. */
  line: string;
  expected: string;
  found: string;
}

/** A run's account does not balance: no certificate is made, the run fails. */
export class AccountUnbalanced extends HalfmonthError {
  readonly code = 'ACCOUNT_UNBALANCED';
  readonly disagreement: Disagreement;
  override readonly remedies: readonly Remedy[];

  constructor(periodId: string, disagreement: Disagreement) {
    const { line, expected, found } = disagreement;
    super(
      `The account of ${periodId} does not balance, so the period was not certified: ${line}: expected ${expected}, found ` +
        `${found}. Nothing was changed or sent because of it. Look at ` +
        `what is known of the clients, mend or restore what is wrong, and start a new run of the period; a redrive would read the old account.`,
    );
    this.disagreement = disagreement;
    this.remedies = [{ task: 'explain-client', periodId }];
  }
}

type Line = (certificate: CertificateContent) => Disagreement | undefined;

/** In the order of the data's way: the first one that disagrees is the one to look at. */
const LINES: Line[] = [
  ({ usage }) => sameCount('events in slices = events in daily records', usage.slices.events, usage.days.events),
  ({ usage: { control, days } }) => {
    if (!control) return undefined;
    const { partial, events: least, meanwhile, unsure } = control;
    const most = partial ? Number.POSITIVE_INFINITY : least + meanwhile + unsure;
    if (least <= days.events && days.events <= most) return undefined;
    const line = 'events in daily records, by the control total of ingestion';
    const expected = days.events < least ? `at least ${least}` : `at most ${most}`;
    return { line, expected, found: String(days.events) };
  },
  ({ usage: { control, days } }) => {
    if (control?.late === undefined) return undefined;
    const counted = control.events + control.meanwhile;
    const found = days.events + control.late;
    if (counted <= found) return undefined;
    const line = 'events in daily records or listed as late, by the control total of ingestion';
    return { line, expected: `at least ${counted}`, found: String(found) };
  },
  ({ usage: { control } }) => {
    const [difference] = control?.differences ?? [];
    if (!difference) return undefined;
    const { meters, least, most, found } = difference;
    const what = control?.meanwhile ? 'sum of days and late usage' : 'sum of days';
    const line = `${what} of ${meters.join(', ') || 'some meter'}, by the control total of ingestion`;
    return { line, expected: least === most ? least : `${least} to ${most}`, found };
  },
  ({ usage }) => sameTotals('sum of slices = sum of days', usage.slices.totals, usage.days.totals),
  ({ usage, billed }) =>
    sameTotals(
      'sum of days = last processed + rejected + parked + open',
      usage.days.totals,
      sumOfTotals(billed.lastProcessed, billed.rejected, billed.parked, billed.open),
    ),
  ({ billed }) =>
    sameTotals('last processed = revisions and their differences added up', billed.lastProcessed, billed.revisions),
  ({ packages, billed }) =>
    packages.waiting === 0 ? sameTotals('open usage where no package waits', {}, billed.open) : undefined,
  ({ packages: { total, processed, rejected, parked } }) =>
    sameCount('packages = processed + rejected + parked', total, processed + rejected + parked),
  ({ packages, acknowledgements }) =>
    acknowledgements.count < packages.processed
      ? {
          line: 'acknowledgements of processed packages',
          expected: `at least ${packages.processed}`,
          found: String(acknowledgements.count),
        }
      : undefined,
];

/** The first line that disagrees; nothing when the account balances. */
export function balance(certificate: CertificateContent): Disagreement | undefined {
  for (const line of LINES) {
    const disagreement = line(certificate);
    if (disagreement) return disagreement;
  }
  return undefined;
}

/** Compares two counts. */
export function sameCount(line: string, expected: number, found: number): Disagreement | undefined {
  return expected === found ? undefined : { line, expected: String(expected), found: String(found) };
}

/** Compares totals meter by meter; the line names the first that differs. */
export function sameTotals(line: string, expected: MeterTotals, found: MeterTotals): Disagreement | undefined {
  const different = firstDifference(expected, found);
  return different && { line: `${line}, ${different.meter}`, expected: different.one, found: different.other };
}

/** What a run's workers found, folded, and what is known of the run. */
export type CertificateParts = Omit<CertificateContent, 'schemaVersion'>;

/**
 * Makes the certificate of a run whose account balances.
 * @param faults contradictions that workers found in the books
 * @throws AccountUnbalanced naming the first line that disagrees
 */
export function makeCertificate(parts: CertificateParts, faults: readonly Fault[]): Certificate {
  const content: CertificateContent = { schemaVersion: 1, ...parts };
  const [fault] = faults;
  if (fault) {
    const { clientId, line, expected, found } = fault;
    throw new AccountUnbalanced(parts.period.id, { line: `client ${clientId}, ${line}`, expected, found });
  }
  const disagreement = balance(content);
  if (disagreement) throw new AccountUnbalanced(parts.period.id, disagreement);
  return seal(content);
}
