import type { PeriodId } from '../periods/periods.ts';
import type { ClientTables } from '../store/client-reader.ts';
import type { RunStore } from '../store/run-store.ts';
import { readUsageOfClient } from '../store/usage-history.ts';
import type { MeterTotals } from '../usage/records.ts';
import { variancesOf } from '../variance/variance.ts';
import { variancesWords } from '../variance/variance-words.ts';
import { closedPeriodsBefore } from './closed-periods.ts';
import type { GateMode } from './gate-mode.ts';

/** How a stage's gate is set. */
export interface GateSettings {
  mode: GateMode;
  /** Clients are compared with so many closed periods before, at most. */
  periods: number;
}

/** What a gate needs to know of the past. */
export interface GateDependencies {
  tables: ClientTables;
  runs: Pick<RunStore, 'loadPeriodState'>;
}

/** Said of every package where all of them wait. */
const ALL_WAIT = 'every package of this stage waits for approval';

/** Decides, client by client, whether what a run is about to send waits for a person first. */
export class Gate {
  readonly #settings: GateSettings;
  readonly #dependencies: GateDependencies;
  readonly #closedBefore = new Map<PeriodId, Promise<PeriodId[]>>();

  constructor(settings: GateSettings, dependencies: GateDependencies) {
    this.#settings = settings;
    this.#dependencies = dependencies;
  }

  /**
   * Why a client's packages wait; undefined lets them go. Where no period before is closed there is nothing to be
   * unlike, so that `variance` lets the very first period go.
   * @param now what the client used in the period; undefined where that is nothing
   */
  async reasonToHold(periodId: PeriodId, clientId: string, now: MeterTotals | undefined): Promise<string | undefined> {
    if (this.#settings.mode === 'off') return undefined;
    if (this.#settings.mode === 'always') return ALL_WAIT;
    const periods = await this.#periodsBefore(periodId);
    if (periods.length === 0) return undefined;
    const variances = variancesOf(now, await readUsageOfClient(this.#dependencies.tables, clientId, periods));
    return variances.length === 0 ? undefined : variancesWords(variances);
  }

  #periodsBefore(periodId: PeriodId): Promise<PeriodId[]> {
    const known = this.#closedBefore.get(periodId);
    if (known) return known;
    const asked = closedPeriodsBefore(this.#dependencies.runs, periodId, this.#settings.periods);
    this.#closedBefore.set(periodId, asked);
    return asked;
  }
}
