import type { SqsEngine, SqsQueue } from '../../engines/sqs-engine.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import type { CloudObserver } from '../observer.ts';
import { type Batch, BatchCollector, type BatchLimits } from './batch-collector.ts';
import { type BatchVerdict, readPartialBatchResponse } from './partial-batch-response.ts';

/** An event source mapping as the template declares it. */
export interface MappingDeclaration extends BatchLimits {
  queue: SqsQueue;
  lambda: LambdaFunction;
  region: string;
  maximumConcurrency: number;
  reportsBatchItemFailures: boolean;
}

/** A poller that hands a queue's messages to a function. */
export interface EventSourceMapping {
  /** Ends polling and gives the messages in hand back to the queue: whatever handles them is about to be killed. */
  stop(): Promise<void>;
}

/** Starts to poll a queue for a function, as Lambda does. */
export function startEventSourceMapping(
  declaration: MappingDeclaration,
  engine: SqsEngine,
  observer: CloudObserver,
): EventSourceMapping {
  const { queue, region, maximumConcurrency } = declaration;
  const collector = new BatchCollector(queue, engine, region, declaration);
  const running = new Set<Promise<void>>();
  const inHand = new Set<Batch>();
  let isStopped = false;
  let stop: () => void = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });

  async function poll(): Promise<void> {
    while (!isStopped) {
      // Messages are received only when a function is free to take them: their visibility time-out runs.
      if (running.size >= maximumConcurrency) {
        await Promise.race([...running, stopped]);
        continue;
      }
      const batch = await collector.collect(() => isStopped);
      if (batch.records.length > 0) inHand.add(batch);
      if (isStopped || batch.records.length === 0) continue;
      const handled = handle(batch).finally(() => running.delete(handled));
      running.add(handled);
    }
  }

  async function handle(batch: Batch): Promise<void> {
    const verdict = await verdictOn(batch, declaration);
    if (isStopped) return;
    const failed = settle(batch, verdict, queue);
    inHand.delete(batch);
    observer.onBatch?.({
      queueName: queue.name,
      functionName: declaration.lambda.name,
      messages: batch.records.length,
      failed,
      ...(verdict.kind === 'allFailed' ? { reason: verdict.reason } : {}),
    });
  }

  const polling = poll();
  return {
    async stop() {
      isStopped = true;
      stop();
      queue.cancelWaiters();
      await polling;
      const records = [...inHand].flatMap((batch) => batch.records).concat(collector.leftOver());
      for (const { receiptHandle } of records) queue.changeVisibility(receiptHandle, 0);
    },
  };
}

async function verdictOn(
  batch: Batch,
  { lambda, reportsBatchItemFailures }: MappingDeclaration,
): Promise<BatchVerdict> {
  const { payload, error } = await lambda.invoke(batch.payload);
  if (error) return { kind: 'allFailed', reason: `${error.errorType}: ${error.errorMessage}` };
  if (!reportsBatchItemFailures) return { kind: 'partial', failedMessageIds: new Set() };
  return readPartialBatchResponse(payload, new Set(batch.records.map(({ messageId }) => messageId)));
}

/** Deletes what succeeded; the rest becomes visible again when its time-out is over. Answers how many that are. */
function settle({ records }: Batch, verdict: BatchVerdict, queue: SqsQueue): number {
  if (verdict.kind === 'allFailed') return records.length;
  for (const { messageId, receiptHandle } of records) {
    if (!verdict.failedMessageIds.has(messageId)) queue.deleteMessage(receiptHandle);
  }
  return verdict.failedMessageIds.size;
}
