import { add, normalize } from '../../lib/decimal/decimal.ts';
import { quantityOf } from '../../lib/decimal/meter-sums.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';

/** What each station of the way says, gathered from the producer, the tables, the queues and the invoice API. */
export interface MainJobAccount {
  /** The periods that were closed. What lies in others is counted only. */
  closedPeriods: readonly PeriodId[];
  produced: {
    /** Distinct valid events, of all periods. */
    events: number;
    /** Of the closed ones. */
    eventsInClosedPeriods: number;
    totalsInClosedPeriods: MeterTotals;
    /** By reason. */
    malformed: Record<string, number>;
  };
  /** From the usage slices, of all periods. */
  counted: { events: number };
  /** From the rejected queue, by reason. */
  rejected: Record<string, number>;
  /** Messages that the queue gave up. */
  deadLetters: number;
  /** From the daily records of the closed periods. */
  days: { events: number; totals: MeterTotals };
  /** From the current documents of the closed periods' packages. */
  packages: { count: number; totals: MeterTotals };
  /** What the API rejected or gave back to a person, of the closed periods' packages: not billed, and not lost. */
  refused: { packages: number; totals: MeterTotals };
  /** What the invoice API says it processed of the closed periods. */
  processed: { packages: number; totals: MeterTotals };
  /**
   * Meters whose totals an adapter's settings have rounded: what the API is told of them, in all packages and in those
   * that were not billed.
   */
  rounded?: { meters: readonly string[]; packages: MeterTotals; refused: MeterTotals };
  /** What only the simulator can tell. */
  simulator?: {
    quotaViolations: number;
    /** By how many milliseconds the worst of them came too early. */
    earlyBy: number;
    /** For how many milliseconds this machine held the simulator up, at the longest. */
    longestStall: number;
    /** Absent where sums alone tell it. */
    acceptedTwice?: number;
  };
  runs: readonly { periodId: PeriodId; status: string; error?: string }[];
}

/** The stations, in the order of the way. `expected` is for lines that compare with a fixed value. */
export const STATIONS = ['produced', 'counted', 'days', 'packages', 'refused', 'processed'] as const;
export type Station = (typeof STATIONS)[number];

/** One line of the table: what several stations say of the same thing. */
export interface ReconciliationLine {
  section: 'events' | 'rejected' | 'meters' | 'packages';
  name: string;
  values: Partial<Record<Station, string>>;
  agrees: boolean;
}

/** A thing that must be so besides the lines, and whether it is. */
export interface ReconciliationCheck {
  /** What was found, in words. */
  finding: string;
  holds: boolean;
}

export interface Reconciliation {
  lines: ReconciliationLine[];
  checks: ReconciliationCheck[];
  /** One sentence for each line that differs and each check that does not hold; none when all agree. */
  differences: string[];
  /** The closed periods in which there was no usage at all: nothing agrees there, since there is nothing. */
  emptyPeriods: readonly PeriodId[];
}

/** Compares what the stations say, exactly. */
export function compareEveryStation(account: MainJobAccount): Reconciliation {
  const lines = [...eventLines(account), ...rejectedLines(account), ...meterLines(account), packageLine(account)];
  const checks = checksOf(account);
  return {
    lines,
    checks,
    emptyPeriods: account.produced.eventsInClosedPeriods === 0 ? account.closedPeriods : [],
    differences: [
      ...lines.filter(({ agrees }) => !agrees).map(differenceOf),
      ...checks.filter(({ holds }) => !holds).map(({ finding }) => finding),
    ],
  };
}

function eventLines({ produced, counted, days }: MainJobAccount): ReconciliationLine[] {
  const all = { produced: count(produced.events), counted: count(counted.events) };
  const inClosed = { days: count(days.events) };
  if (produced.events === produced.eventsInClosedPeriods) {
    return [lineOf('events', 'distinct valid events', { ...all, ...inClosed })];
  }
  return [
    lineOf('events', 'distinct valid events', all),
    lineOf('events', 'of the closed periods', { produced: count(produced.eventsInClosedPeriods), ...inClosed }),
  ];
}

function rejectedLines({ produced, rejected }: MainJobAccount): ReconciliationLine[] {
  const reasons = union(produced.malformed, rejected);
  return reasons.map((reason) =>
    lineOf('rejected', reason, {
      produced: count(produced.malformed[reason] ?? 0),
      counted: count(rejected[reason] ?? 0),
    }),
  );
}

function meterLines({ produced, days, packages, refused, processed, rounded }: MainJobAccount): ReconciliationLine[] {
  const meters = union(produced.totalsInClosedPeriods, days.totals, packages.totals, processed.totals);
  return meters.flatMap((meter) => {
    const counted = {
      produced: quantityOf(produced.totalsInClosedPeriods, meter) ?? '0',
      days: quantityOf(days.totals, meter) ?? '0',
      packages: quantityOf(packages.totals, meter) ?? '0',
    };
    const billed = (notBilled: MeterTotals) => ({
      ...(refused.packages === 0 ? {} : { refused: quantityOf(notBilled, meter) ?? '0' }),
      processed: quantityOf(processed.totals, meter) ?? '0',
    });
    if (!rounded?.meters.includes(meter)) {
      return [lineOf('meters', meter, { ...counted, ...billed(refused.totals) })];
    }
    const told = { packages: quantityOf(rounded.packages, meter) ?? '0', ...billed(rounded.refused) };
    return [lineOf('meters', meter, counted), lineOf('meters', `${meter}, as billed`, told)];
  });
}

function packageLine({ packages, refused, processed }: MainJobAccount): ReconciliationLine {
  return lineOf('packages', 'packages', {
    packages: count(packages.count),
    ...(refused.packages === 0 ? {} : { refused: count(refused.packages) }),
    processed: count(processed.packages),
  });
}

type Simulator = NonNullable<MainJobAccount['simulator']>;

function checksOf({ runs, deadLetters, simulator }: MainJobAccount): ReconciliationCheck[] {
  return [
    ...runs.map(({ periodId, status, error }) => ({
      finding: `the run of ${periodId} ended ${status}${error ? `: ${error}` : ''}`,
      holds: status === 'SUCCEEDED',
    })),
    { finding: `${deadLetters} messages were given up by the queue`, holds: deadLetters === 0 },
    ...(simulator
      ? [
          quotaCheck(simulator),
          ...(simulator.acceptedTwice === undefined
            ? []
            : [
                {
                  finding: `${simulator.acceptedTwice} packages were accepted twice`,
                  holds: simulator.acceptedTwice === 0,
                },
              ]),
        ]
      : []),
  ];
}

/**
 * A machine that is busy holds requests up on their way, some longer than others: two that left in good time then
 * arrive too near to each other. No sender can help that, the API turns one of them away, and it is sent again.
 */
function quotaCheck({ quotaViolations, earlyBy, longestStall }: Simulator): ReconciliationCheck {
  const [early, stall] = [Math.ceil(earlyBy), Math.ceil(longestStall)];
  if (quotaViolations === 0) return { finding: '0 requests were over the quota', holds: true };
  return early <= stall
    ? {
        finding:
          `${quotaViolations} requests reached the API up to ${early} ms too early, were turned away and sent again: this ` +
          `machine was busy and held requests up on their way for up to ${stall} ms; they had left within the quota`,
        holds: true,
      }
    : {
        finding:
          `${quotaViolations} requests were over the quota, by up to ${early} ms, and this machine held none up for more than ` +
          `${stall} ms: they left too early, which is a fault of the pace`,
        holds: false,
      };
}

function lineOf(
  section: ReconciliationLine['section'],
  name: string,
  values: Partial<Record<Station, string>>,
): ReconciliationLine {
  const { refused = '0', processed, ...others } = values;
  // What the API refused is not billed, and together with what it processed makes the packages.
  const settled = processed === undefined ? [] : [add(processed, refused)];
  const distinct = new Set([...Object.values(others), ...settled].map(normalize));
  return { section, name, values, agrees: distinct.size === 1 };
}

function differenceOf({ section, name, values }: ReconciliationLine): string {
  const said = STATIONS.flatMap((station) =>
    values[station] === undefined ? [] : [`${stationTitle(section, station)} ${values[station]}`],
  );
  return `${section === 'rejected' ? `events rejected as ${name}` : name}: ${said.join(', ')}`;
}

/** How a station is called where it stands in a line of this section. */
export function stationTitle(section: ReconciliationLine['section'], station: Station): string {
  if (station === 'refused') return 'not billed';
  return section === 'rejected' && station === 'counted' ? 'rejected' : station;
}

function count(value: number): string {
  return String(value);
}

function union(...records: Record<string, unknown>[]): string[] {
  return [...new Set(records.flatMap((record) => Object.keys(record)))].sort();
}
