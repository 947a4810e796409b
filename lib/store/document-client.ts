import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import type { DynamoDBClient } from './dynamodb-client.ts';

const made = new WeakMap<DynamoDBClient, DynamoDBDocumentClient>();

/**
 * The one document client over a client, for items that are plain objects. Counting itself goes without, for speed and
 * size: this stands in a file of its own since the package of document clients declares no `sideEffects: false`.
 */
export function documentClientOf(client: DynamoDBClient): DynamoDBDocumentClient {
  const known = made.get(client);
  if (known) return known;
  const documents = DynamoDBDocumentClient.from(client, { marshallOptions: { removeUndefinedValues: true } });
  made.set(client, documents);
  return documents;
}
