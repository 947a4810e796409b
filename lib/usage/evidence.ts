import type { ConsumptionEvent } from '../events/consumption-event.ts';
import type { PeriodId } from '../periods/periods.ts';

/** What became of a batch's events of one period. */
export interface BatchEvidence {
  /** Those that this batch's own writes have added to the totals. */
  counted: readonly ConsumptionEvent[];
  /** Those that were dropped, since their identity was counted already or stands twice in the batch. */
  duplicates: readonly ConsumptionEvent[];
  /** Those of writes of which it is not known whether they took place; their messages come again. */
  unsure: readonly ConsumptionEvent[];
}

/** Where the evidence of what was counted is kept. */
export interface EvidenceKeeper {
  /**
   * Keeps the evidence of a batch, within a bound of time. Never throws: counting does not depend on it.
   * @returns how many counted events have no evidence yet because it could not be kept now
   */
  keep(batch: ReadonlyMap<PeriodId, BatchEvidence>): Promise<number>;
}
