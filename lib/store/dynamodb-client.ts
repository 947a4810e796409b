import {
  type AttributeValue,
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DynamoDBClient,
  type DynamoDBClientConfig,
} from '@aws-sdk/client-dynamodb';

export type { DynamoDBClient };

/** More than any function here has under way at once, so that no request waits for a socket. */
const MAXIMUM_SOCKETS = 256;

/**
 * The DynamoDB client of a function: kept outside of the handler, so that connections outlive invocations. Time-outs
 * are well under any function's own, so that a lost request is tried again and not waited for; whatever is written may
 * be written again. The endpoint is the SDK's to find (`AWS_ENDPOINT_URL_DYNAMODB` points it to a local engine).
 */
export function createDynamoDbClient(options: DynamoDBClientConfig = {}): DynamoDBClient {
  return new DynamoDBClient({
    maxAttempts: 5,
    requestHandler: {
      connectionTimeout: 2_000,
      requestTimeout: 5_000,
      throwOnRequestTimeout: true,
      httpAgent: { keepAlive: true, maxSockets: MAXIMUM_SOCKETS },
      httpsAgent: { keepAlive: true, maxSockets: MAXIMUM_SOCKETS },
    },
    ...options,
  });
}

/** What requests have consumed, in request units, indexes included. */
export class CapacityMeter {
  writeUnits = 0;
  readUnits = 0;

  /** Reads the meter and sets it back to zero. */
  take(): { writeUnits: number; readUnits: number } {
    const { writeUnits, readUnits } = this;
    this.writeUnits = 0;
    this.readUnits = 0;
    return { writeUnits, readUnits };
  }
}

const READS = new Set([
  'GetItemCommand',
  'BatchGetItemCommand',
  'QueryCommand',
  'ScanCommand',
  'TransactGetItemsCommand',
]);
const METERED = new Set([
  ...READS,
  'PutItemCommand',
  'UpdateItemCommand',
  'DeleteItemCommand',
  'BatchWriteItemCommand',
  'TransactWriteItemsCommand',
]);

/**
 * Has every request of a client report its consumption to a meter. A write whose condition failed is charged by the
 * size of the item it met, but says nothing; it is reckoned from that item
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html).
 */
export function meterCapacity(client: DynamoDBClient, meter: CapacityMeter): void {
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        if (!METERED.has(commandName)) return next(args);
        try {
          const result = await next({ ...args, input: { ReturnConsumedCapacity: 'TOTAL', ...args.input } });
          // All metered commands answer with one of these two shapes.
          const { ConsumedCapacity: consumed } = result.output as {
            ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[];
          };
          const units = [consumed ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
          if (READS.has(commandName)) meter.readUnits += units;
          else meter.writeUnits += units;
          return result;
        } catch (error) {
          if (error instanceof ConditionalCheckFailedException) meter.writeUnits += unitsOfItem(error.Item);
          throw error;
        }
      },
    { step: 'initialize', name: 'meterCapacity' },
  );
}

const WRITE_UNIT_BYTES = 1024;

function unitsOfItem(item: Record<string, AttributeValue> | undefined): number {
  const bytes = Object.entries(item ?? {}).reduce((sum, [name, value]) => sum + name.length + bytesOf(value), 0);
  return Math.max(1, Math.ceil(bytes / WRITE_UNIT_BYTES));
}

/** https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html */
function bytesOf(value: AttributeValue): number {
  if (value.S !== undefined) return Buffer.byteLength(value.S);
  if (value.N !== undefined) return Math.ceil(value.N.length / 2) + 1;
  if (value.BS) return value.BS.reduce((sum, bytes) => sum + bytes.length, 0);
  if (value.NS) return value.NS.reduce((sum, number) => sum + Math.ceil(number.length / 2) + 1, 0);
  if (value.L) return 3 + value.L.reduce((sum, element) => sum + 1 + bytesOf(element), 0);
  if (value.M)
    return 3 + Object.entries(value.M).reduce((sum, [name, element]) => sum + 1 + name.length + bytesOf(element), 0);
  return 1;
}
