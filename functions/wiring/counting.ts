import { Logger } from '@aws-lambda-powertools/logger';
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SQSBatchResponse, SQSRecord } from 'aws-lambda';
import { archiveFrom } from '#event-archive';
import { MeterRegistry } from '../../lib/meters/meter-registry.ts';
import { rulesOf } from '../../lib/meters/meter-rules.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { EventsQueue } from '../../lib/queues/events-queue.ts';
import { type Delivery, portionsOf } from '../../lib/queues/portions.ts';
import { RejectedQueue } from '../../lib/queues/rejected-queue.ts';
import { ControlTotalStore } from '../../lib/store/control-total-store.ts';
import { DailyRecordStore } from '../../lib/store/daily-record-marks.ts';
import { CapacityMeter, type DynamoDBClient, meterCapacity } from '../../lib/store/dynamodb-client.ts';
import { ensureFoundation } from '../../lib/store/foundation-store.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import { ObservationStore, PeriodClosingStore } from '../../lib/store/period-closing-store.ts';
import { UsageSliceStore } from '../../lib/store/usage-slice-store.ts';
import { type AggregationOutcome, aggregateBatch, type QueueMessage } from '../../lib/usage/aggregate-batch.ts';
import { type Observations, periodOfRejected } from '../../lib/usage/observations.ts';
import { UsageCounter } from '../../lib/usage/usage-counter.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/** Time kept back at the end of an invocation, to finish what was begun and to answer. */
const ANSWER_MARGIN_MILLISECONDS = 8_000;

const BYTES_PER_MEGABYTE = 1024 * 1024;
/**
 * What is remembered takes a fifth of the memory, so that with the batch and the pages at hand it stays within half of
 * it.
 */
const SLICES_SHARE_OF_MEMORY = 1 / 6;
const MARKS_SHARE_OF_MEMORY = 1 / 32;

/** Counts the batches of one function instance; made once, and with it every cache. */
export interface Ingestion {
  /**
   * Counts a batch and answers which of its messages have to come again.
   * @param remainingMilliseconds what is left of the invocation
   * @throws FoundationChanged when the settings differ from those that usage has been counted by
   */
  handle(records: readonly SQSRecord[], remainingMilliseconds: number): Promise<SQSBatchResponse>;
}

/**
 * Wires counting to its tables and queues.
 * @throws InvalidEnvironment naming every fault
 */
export function createIngestion(environment: Environment, client: DynamoDBClient, sqs: SQSClient): Ingestion {
  const variables = readVariables(
    environment,
    'BILLING_TIME_ZONE',
    'SLICE_MINUTES',
    'EVENT_MAX_AGE_DAYS',
    'WRITE_CONCURRENCY',
    'USAGE_SLICES_TABLE',
    'DAILY_RECORDS_TABLE',
    'RUNS_TABLE',
    'REJECTED_QUEUE_URL',
    'EVENTS_QUEUE_URL',
    'AWS_LAMBDA_FUNCTION_MEMORY_SIZE',
  );
  const { BILLING_TIME_ZONE, SLICE_MINUTES, EVENT_MAX_AGE_DAYS: eventMaxAgeDays } = variables;
  const tables = tablesOf(variables, client);
  const calendar = new BillingCalendar(BILLING_TIME_ZONE, SLICE_MINUTES);
  const memoryBytes = variables.AWS_LAMBDA_FUNCTION_MEMORY_SIZE * BYTES_PER_MEGABYTE;
  const slices = new UsageSliceStore(tables, { calendar, eventMaxAgeDays });
  const marks = new DailyRecordStore(tables, { cacheBytes: memoryBytes * MARKS_SHARE_OF_MEMORY });
  const foundation = { billingTimeZone: BILLING_TIME_ZONE, sliceMinutes: SLICE_MINUTES };
  const startCounter = async () => {
    const { wideSlicesFrom } = await ensureFoundation(tables, foundation, calendar.dayOf(Date.now()));
    const control = new ControlTotalStore(tables);
    return new UsageCounter({
      slices,
      marks,
      closings: new PeriodClosingStore(tables),
      control,
      calendar,
      concurrency: variables.WRITE_CONCURRENCY,
      wideSlicesFrom,
      cacheBytes: memoryBytes * SLICES_SHARE_OF_MEMORY,
      evidence: archiveFrom(environment, tables, control.instance),
    });
  };
  const rejectedEvents = new RejectedQueue(sqs, variables.REJECTED_QUEUE_URL);
  const eventsQueue = new EventsQueue(sqs, variables.EVENTS_QUEUE_URL);
  const capacity = new CapacityMeter();
  meterCapacity(client, capacity);
  const reporting = new IngestionReports(capacity);
  const observations = new ObservationStore(tables);
  const registry = new MeterRegistry(new MeterReader(tables));
  let counter: UsageCounter | undefined;
  const countPortion = async (portion: readonly Delivered[], deadline: number): Promise<string[]> => {
    counter ??= await startCounter();
    const rules = rulesOf(await registry.current(), (instant) => calendar.dayOf(instant));
    const outcome = await aggregateBatch({ counter, rejectedEvents, rules, eventMaxAgeDays }, portion, deadline);
    reporting.report(outcome);
    await reporting.keep(observedByPeriod(outcome, calendar), observations);
    return outcome.failedMessageIds;
  };
  return {
    async handle(records, remainingMilliseconds) {
      const deadline = Date.now() + remainingMilliseconds - ANSWER_MARGIN_MILLISECONDS;
      const failed = new Set<string>();
      const portions = portionsOf(records.map(deliveredOf));
      for (const [number, portion] of portions.entries()) {
        for (const messageId of await countPortion(portion, deadline)) failed.add(messageId);
        // What is counted is out of reach before a message is begun that may end this invocation.
        if (number === portions.length - 1) break;
        const handles = handlesOf(portion, failed);
        await reporting.attempt('Counted messages could not be deleted early', () => eventsQueue.delete(handles));
      }
      // Where nothing was counted, nothing is kept waiting: the limit then only holds back what could not be counted.
      if (failed.size > 0 && failed.size < records.length) {
        const handles = records.flatMap(({ messageId, receiptHandle }) =>
          failed.has(messageId) ? [receiptHandle] : [],
        );
        await reporting.attempt('Failed messages could not be brought back early', () => eventsQueue.makeRoom(handles));
      }
      return { batchItemFailures: [...failed].map((itemIdentifier) => ({ itemIdentifier })) };
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

  /** Does what only protects other messages; no batch fails, and is counted again, because it could not be done. */
  async attempt(complaint: string, step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      this.#logger.warn(complaint, {
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
      first: withoutItsText(outcome.failures[0]),
    });
  }
}

/**
 * A failure without its message, which may quote what an event says: its kind, its request, and where it was thrown.
 */
function withoutItsText(failure: Error | undefined): Record<string, unknown> {
  if (!failure) return {};
  const { name, stack = '' } = failure;
  const { code, $metadata } = failure as {
    code?: unknown;
    $metadata?: { requestId?: string; httpStatusCode?: number };
  };
  const frames = stack.split('\n').filter((line) => line.startsWith('    at '));
  return { name, code, requestId: $metadata?.requestId, httpStatus: $metadata?.httpStatusCode, frames };
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
  for (const { body, receivedAt, elements = 1 } of rejections) {
    of(periodOfRejected(body, receivedAt, calendar)).rejected += elements;
  }
  return observed;
}

/** A message with what is known of its deliveries. */
interface Delivered extends QueueMessage, Delivery {
  receiptHandle: string;
}

function deliveredOf({ messageId, body, receiptHandle, attributes }: SQSRecord): Delivered {
  const { SentTimestamp, ApproximateReceiveCount } = attributes;
  return { messageId, body, receiptHandle, sentAt: Number(SentTimestamp), receives: Number(ApproximateReceiveCount) };
}

function handlesOf(portion: readonly Delivered[], failed: ReadonlySet<string>): string[] {
  return portion.filter(({ messageId }) => !failed.has(messageId)).map(({ receiptHandle }) => receiptHandle);
}

/**
 * Counting's metrics, in Embedded Metric Format on standard output: no request, no cost of its own in the invocation.
 */
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
    if (outcome.withoutEvidence !== undefined) count('EventsWithoutEvidence', outcome.withoutEvidence);
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
