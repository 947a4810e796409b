import { AccountFold } from '../certificate/account.ts';
import type { UnitOf } from '../packages/document.ts';
import type { BillingCalendar, Day } from '../periods/days.ts';
import type { DailyRecordWriter } from '../store/daily-records.ts';
import type { LateLedger } from '../store/late-ledger.ts';
import type { PackageStore } from '../store/package-store.ts';
import { COMPLETE_MARGIN_DAYS } from '../usage/usage-slices.ts';
import type { PreviewEntry } from './chunk-steps.ts';
import { SumsFold } from './chunk-sums.ts';
import type { PackagingFrame } from './client-packages.ts';
import type { Gate } from './gate.ts';
import { LeftClients } from './left-clients.ts';
import type { RunContext } from './run.ts';

/** What a worker needs to know and to write clients with. */
export interface ChunkWorkDependencies {
  calendar: BillingCalendar;
  /** Events up to this age are counted; their slices live at least as long. */
  eventMaxAgeDays: number;
  packages: PackageStore;
  dailyRecords: DailyRecordWriter;
  lateLedger: LateLedger;
  /** What keeps a package from being sent at all; absent where nothing can. */
  obstacleOf?: PackagingFrame['obstacleOf'];
  /** Says which packages wait for a person; absent where none does. */
  gate?: Pick<Gate, 'reasonToHold'> | undefined;
  /** Milliseconds since the epoch. */
  now: () => number;
}

const MILLISECONDS_PER_DAY = 86_400_000;

/** One call of a worker: what is the same for all clients that it visits, and what it has found so far. */
export class ChunkWork {
  readonly runId: string;
  readonly frame: PackagingFrame;
  readonly dailyRecords: DailyRecordWriter;
  readonly lateLedger: LateLedger;
  /**
   * Whether no run over every client has finished with the period yet: days that were never folded may hold anything
   * then.
   */
  readonly isFirstClose: boolean;
  readonly sums = new SumsFold();
  readonly left = new LeftClients();
  /** Only of a preview. */
  readonly listing: PreviewEntry[] = [];
  /** Only of the account. */
  readonly account = new AccountFold();
  /** The idempotency keys under which the API processed what it did; only of the account. */
  readonly acknowledgements: string[] = [];
  readonly #calendar: BillingCalendar;
  readonly #expired = new Map<Day, boolean>();
  readonly #oldestLive: number;

  /** @param unitOf what the registry of meters says */
  constructor(run: RunContext, dependencies: ChunkWorkDependencies, isFirstClose: boolean, unitOf?: UnitOf) {
    const { calendar, eventMaxAgeDays, packages, dailyRecords, lateLedger, now } = dependencies;
    this.runId = run.runId;
    const { obstacleOf, gate } = dependencies;
    const reasonToHold: PackagingFrame['reasonToHold'] =
      gate && ((clientId, totals) => gate.reasonToHold(run.period.id, clientId, totals));
    this.frame = { period: run.period, timeZone: calendar.timeZone, packages, obstacleOf, reasonToHold, unitOf };
    this.dailyRecords = dailyRecords;
    this.lateLedger = lateLedger;
    this.isFirstClose = isFirstClose;
    this.#calendar = calendar;
    this.#oldestLive = now() - (eventMaxAgeDays + COMPLETE_MARGIN_DAYS) * MILLISECONDS_PER_DAY;
  }

  /** Whether slices of a day may have expired, looked up once a day. */
  mayHaveExpired(day: Day): boolean {
    let isExpired = this.#expired.get(day);
    if (isExpired === undefined) {
      isExpired = this.#calendar.endOfDay(day) <= this.#oldestLive;
      this.#expired.set(day, isExpired);
    }
    return isExpired;
  }
}
