import {
  ConditionalCheckFailedException,
  type ConsumedCapacity,
  DynamoDBClient,
  ProvisionedThroughputExceededException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import type { Random } from '../../local/start/random.ts';

/** Request units consumed so far, as the engine reports them, indexes included. */
export interface Consumption {
  writeUnits: number;
  readUnits: number;
  requests: number;
  /**
   * Writes whose condition failed. The engine reports nothing for them; each is taken as one unit per KB of the item
   * met.
   */
  failedConditions: number;
}

/** One request in this many suffers, if faults are on. */
const FAULT_ONE_IN = 25;

/**
 * A client for one way of counting: its consumption is added up, and with a source of chance its requests fail at
 * times.
 */
export function measuredClient(endpoint: string, consumption: Consumption, chance?: Random): DynamoDBClient {
  const client = new DynamoDBClient({
    endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
    requestHandler: { httpAgent: { keepAlive: true, maxSockets: 128 } },
  });
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        consumption.requests += 1;
        const send = async () => {
          try {
            const result = await next({ ...args, input: { ...args.input, ReturnConsumedCapacity: 'INDEXES' } });
            add(consumption, commandName, result.output);
            return result;
          } catch (error) {
            addFailure(consumption, error);
            throw error;
          }
        };
        return chance?.happens(1000 / FAULT_ONE_IN) ? suffer(send, chance.integer(0, 2)) : send();
      },
    { step: 'initialize', name: 'measure', priority: 'low' },
  );
  return client;
}

/** The request is lost, or its answer is, or it is throttled. */
async function suffer<Output>(send: () => Promise<Output>, kind: number): Promise<Output> {
  if (kind === 0) throw new ProvisionedThroughputExceededException({ message: 'injected', $metadata: {} });
  if (kind === 1) await send().catch(() => {});
  throw Object.assign(new Error('injected: socket hang up'), { name: 'TimeoutError' });
}

function add(consumption: Consumption, commandName: string, output: unknown): void {
  // Every DynamoDB answer that reports capacity has it in one of these two shapes.
  const { ConsumedCapacity: consumed } = output as { ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[] };
  const units = [consumed ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  if (/^(Get|BatchGet|Query)/.test(commandName)) consumption.readUnits += units;
  else consumption.writeUnits += units;
}

function addFailure(consumption: Consumption, error: unknown): void {
  if (error instanceof TransactionCanceledException) {
    consumption.failedConditions += 1;
    consumption.writeUnits += 2;
  }
  if (!(error instanceof ConditionalCheckFailedException)) return;
  consumption.failedConditions += 1;
  const identities = error.Item?.identities?.BS ?? [];
  consumption.writeUnits += Math.max(1, Math.ceil((identities.length * 16 + 250) / 1024));
}
