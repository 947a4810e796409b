import { Logger } from '@aws-lambda-powertools/logger';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import type { CountingEnvironment } from '../config/counting-environment.ts';
import { CountingMetrics } from '../observability/counting-metrics.ts';
import { BillingCalendar } from '../periods/days.ts';
import type { PeriodId } from '../periods/periods.ts';
import { RejectedQueue } from '../queues/rejected-queue.ts';
import { CapacityMeter, meterCapacity } from '../store/consumed-capacity.ts';
import { DailyRecordStore } from '../store/daily-record-store.ts';
import type { DynamoDBClient } from '../store/dynamodb-client.ts';
import { ensureFoundation } from '../store/foundation-store.ts';
import { ObservationStore } from '../store/observation-store.ts';
import { PeriodClosingStore } from '../store/period-closing-store.ts';
import { UsageSliceStore } from '../store/usage-slice-store.ts';
import {
  type AggregationOptions,
  type AggregationOutcome,
  aggregateBatch,
  type QueueMessage,
} from '../usage/aggregate-batch.ts';
import { type Observations, periodOfRejected } from '../usage/observations.ts';
import { UsageCounter } from '../usage/usage-counter.ts';

/** Time kept back at the end of an invocation, to finish what was begun and to answer. */
const ANSWER_MARGIN_MILLISECONDS = 8_000;

/** Counts the batches of one function instance; made once, and with it every cache. */
export interface Ingestion {
  /**
   * Counts a batch and answers which of its messages have to come again.
   * @param remainingMilliseconds what is left of the invocation
   * @throws FoundationChanged when the settings differ from those that usage has been counted by
   */
  handle(records: readonly SQSRecord[], remainingMilliseconds: number): Promise<SQSBatchResponse>;
}

/** Wires counting to its tables and queues. */
export function createIngestion(environment: CountingEnvironment, client: DynamoDBClient, sqs: SQSClient): Ingestion {
  const { BILLING_TIME_ZONE, SLICE_MINUTES, RUNS_TABLE, EVENT_MAX_AGE_DAYS: eventMaxAgeDays } = environment;
  const calendar = new BillingCalendar(BILLING_TIME_ZONE, SLICE_MINUTES);
  const counter = new UsageCounter({
    slices: new UsageSliceStore({ client, table: environment.USAGE_SLICES_TABLE, calendar, eventMaxAgeDays }),
    marks: new DailyRecordStore(client, environment.DAILY_RECORDS_TABLE),
    closings: new PeriodClosingStore(client, RUNS_TABLE),
    calendar,
    concurrency: environment.WRITE_CONCURRENCY,
  });
  const rejectedEvents = new RejectedQueue(sqs, environment.REJECTED_QUEUE_URL);
  const capacity = new CapacityMeter();
  meterCapacity(client, capacity);
  const foundation = { billingTimeZone: BILLING_TIME_ZONE, sliceMinutes: SLICE_MINUTES };
  const reporting = new IngestionReports(capacity);
  const observations = new ObservationStore(client, RUNS_TABLE);
  const options: AggregationOptions = { counter, rejectedEvents, eventMaxAgeDays };
  let isFounded = false;
  return {
    async handle(records, remainingMilliseconds) {
      const deadline = Date.now() + remainingMilliseconds - ANSWER_MARGIN_MILLISECONDS;
      if (!isFounded) await ensureFoundation(client, RUNS_TABLE, foundation);
      isFounded = true;
      const outcome = await aggregateBatch(options, records.map(queueMessageOf), deadline);
      reporting.report(outcome);
      await reporting.keep(observedByPeriod(outcome, calendar), observations);
      return { batchItemFailures: outcome.failedMessageIds.map((itemIdentifier) => ({ itemIdentifier })) };
    },
  };
}

/** What an invocation leaves in the logs: figures, and the kinds of failures, never what events say. */
class IngestionReports {
  readonly #capacity: CapacityMeter;
  readonly #metrics = new CountingMetrics();
  readonly #logger = new Logger();

  constructor(capacity: CapacityMeter) {
    this.#capacity = capacity;
  }

  /** For the closing certificate; no batch fails, and is counted again, because a note of it could not be written. */
  async keep(observed: ReadonlyMap<PeriodId, Observations>, store: ObservationStore): Promise<void> {
    try {
      for (const [period, observations] of observed) await store.add(period, observations);
    } catch (error) {
      this.#logger.warn('What was observed could not be kept', {
        failure: error instanceof Error ? error.name : error,
      });
    }
  }

  report(outcome: AggregationOutcome): void {
    this.#metrics.publish(outcome, this.#capacity.take(), Date.now());
    if (outcome.failedMessageIds.length === 0) return;
    const kinds = new Map<string, number>();
    for (const { name } of outcome.failures) kinds.set(name, (kinds.get(name) ?? 0) + 1);
    this.#logger.error('Messages failed and will come again', {
      messages: outcome.failedMessageIds.length,
      failures: Object.fromEntries(kinds),
      first: outcome.failures[0],
    });
  }
}

/** What a batch saw and did not count, by period. */
function observedByPeriod(
  { duplicatesByPeriod, rejections }: AggregationOutcome,
  calendar: BillingCalendar,
): Map<PeriodId, Observations> {
  const observed = new Map<PeriodId, Observations>();
  const of = (period: PeriodId): Observations => {
    const known = observed.get(period) ?? { duplicates: 0, rejected: 0 };
    observed.set(period, known);
    return known;
  };
  for (const [period, duplicates] of duplicatesByPeriod) of(period).duplicates += duplicates;
  for (const { body, receivedAt } of rejections) of(periodOfRejected(body, receivedAt, calendar)).rejected += 1;
  return observed;
}

function queueMessageOf({ messageId, body, attributes }: SQSRecord): QueueMessage {
  return { messageId, body, sentAt: Number(attributes.SentTimestamp) };
}
