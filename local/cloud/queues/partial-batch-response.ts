/** Which messages of a batch stay in the queue. */
export type BatchVerdict =
  | { kind: 'partial'; failedMessageIds: Set<string> }
  /** None is known to have succeeded. */
  | { kind: 'allFailed'; reason: string };

/**
 * Reads a function's partial batch response as Lambda does
 * (https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-batchfailurereporting):
 * null and empty answers mean that all went well; an answer that cannot be understood means that nothing did.
 * @param payload the function's answer as JSON text
 */
export function readPartialBatchResponse(payload: string, messageIds: ReadonlySet<string>): BatchVerdict {
  const response: unknown = JSON.parse(payload);
  if (response === null || response === '') return allSucceeded();
  if (typeof response !== 'object') return allFailed(`the answer is ${payload.slice(0, 100)}, not an object`);
  if (!('batchItemFailures' in response)) return allSucceeded();
  const failures = response.batchItemFailures;
  if (failures === null) return allSucceeded();
  if (!Array.isArray(failures)) return allFailed('batchItemFailures is no list');
  const failedMessageIds = new Set<string>();
  for (const failure of failures) {
    const identifier = itemIdentifierOf(failure);
    if (!identifier) return allFailed('an entry of batchItemFailures has no itemIdentifier');
    if (!messageIds.has(identifier)) return allFailed(`itemIdentifier ${identifier} is not in the batch`);
    failedMessageIds.add(identifier);
  }
  return { kind: 'partial', failedMessageIds };
}

function itemIdentifierOf(failure: unknown): string | undefined {
  if (typeof failure !== 'object' || failure === null || !('itemIdentifier' in failure)) return undefined;
  return typeof failure.itemIdentifier === 'string' ? failure.itemIdentifier : undefined;
}

function allSucceeded(): BatchVerdict {
  return { kind: 'partial', failedMessageIds: new Set() };
}

function allFailed(reason: string): BatchVerdict {
  return { kind: 'allFailed', reason };
}
