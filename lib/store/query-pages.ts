import {
  type AttributeValue,
  type DynamoDBClient,
  QueryCommand,
  type QueryCommandInput,
} from '@aws-sdk/client-dynamodb';

/** An item as DynamoDB carries it: numbers are text, so no digit is lost and nothing is converted that is not needed. */
export type RawItem = Record<string, AttributeValue>;

/**
 * Reads a query page by page and asks for the next page while the caller works on this one: at most two pages, of 1 MB at
 * most, are held.
 */
export async function* queryPages(client: DynamoDBClient, input: QueryCommandInput): AsyncGenerator<RawItem[]> {
  let pending = settled(client.send(new QueryCommand(input)));
  for (;;) {
    const outcome = await pending;
    if ('error' in outcome) throw outcome.error;
    const { Items, LastEvaluatedKey } = outcome.value;
    if (LastEvaluatedKey) {
      pending = settled(client.send(new QueryCommand({ ...input, ExclusiveStartKey: LastEvaluatedKey })));
    }
    if (Items?.length) yield Items;
    if (!LastEvaluatedKey) return;
  }
}

/** A request that runs ahead may fail before anybody waits for it; its error is kept until then. */
function settled<Value>(promise: Promise<Value>): Promise<{ value: Value } | { error: unknown }> {
  return promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
}

/** The text of a string attribute. @throws TypeError when there is none: the item is not one of ours */
export function textOf(item: RawItem, attribute: string): string {
  const text = item[attribute]?.S;
  if (text === undefined) throw new TypeError(`an item without ${attribute}: ${item.pk?.S}, ${item.sk?.S}`);
  return text;
}

/** The whole number in an attribute, or `otherwise` when there is none. */
export function numberOf(item: RawItem, attribute: string, otherwise: number): number {
  const text = item[attribute]?.N;
  return text === undefined ? otherwise : Number(text);
}
