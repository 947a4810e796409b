import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { AggregationOutcome } from '../usage/aggregate-batch.ts';

/** Counting's metrics, in Embedded Metric Format on standard output: no request, no cost of its own in the invocation. */
export class CountingMetrics {
  readonly #metrics = new Metrics();

  /**
   * Writes what a batch came to.
   * @param consumed request units
   * @param now milliseconds since the epoch
   */
  publish(outcome: AggregationOutcome, consumed: { writeUnits: number; readUnits: number }, now: number): void {
    const count = (name: string, value: number) => this.#metrics.addMetric(name, MetricUnit.Count, value);
    count('EventsCounted', outcome.counted);
    count('EventsDuplicate', outcome.duplicates);
    count(
      'EventsRejected',
      [...outcome.rejected.values()].reduce((sum, events) => sum + events, 0),
    );
    count('EventsLate', outcome.late);
    count('CountingConflicts', outcome.conflicts);
    count('CountingWriteUnits', consumed.writeUnits);
    count('CountingReadUnits', consumed.readUnits);
    count('MessagesFailed', outcome.failedMessageIds.length);
    if (outcome.oldestEventAt !== undefined) {
      this.#metrics.addMetric('OldestEventAge', MetricUnit.Seconds, Math.max(0, (now - outcome.oldestEventAt) / 1000));
    }
    this.#metrics.publishStoredMetrics();
    this.#publishReasons(outcome.rejected);
  }

  /** One line per reason, since a dimension belongs to a whole line. */
  #publishReasons(rejected: ReadonlyMap<string, number>): void {
    for (const [reason, events] of rejected) {
      const single = this.#metrics.singleMetric();
      single.addDimension('reason', reason);
      single.addMetric('EventsRejectedByReason', MetricUnit.Count, events);
    }
  }
}
