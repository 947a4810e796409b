import { type DynamoDBDocumentClient, GetCommand, PutCommand, paginateQuery } from '@aws-sdk/lib-dynamodb';
import { documentClientOf } from './document-client.ts';
import { BUCKETS, clientMappingKey, clientMappingPartition } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** What is known of a client besides its usage. */
export interface ClientMapping {
  clientId: string;
  /** The client's name at the invoice API. */
  customer: string;
}

/** Who the clients are at the invoice API. */
export class ClientStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  async load(clientId: string): Promise<ClientMapping | undefined> {
    const { Item } = await this.#documents.send(
      new GetCommand({ TableName: this.#table, Key: clientMappingKey(clientId) }),
    );
    return Item && mappingOf(Item);
  }

  /** The client's name at the invoice API; undefined while it is not set. */
  async customerOf(clientId: string): Promise<string | undefined> {
    return (await this.load(clientId))?.customer;
  }

  /** Says who a client is, whatever was said before. */
  async save(mapping: ClientMapping): Promise<void> {
    const Item = { ...clientMappingKey(mapping.clientId), ...mapping };
    await this.#documents.send(new PutCommand({ TableName: this.#table, Item }));
  }

  /** All of them, in no order that means anything. */
  async *list(): AsyncGenerator<ClientMapping> {
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const query = {
        TableName: this.#table,
        KeyConditionExpression: 'pk = :partition',
        ExpressionAttributeValues: { ':partition': clientMappingPartition(bucket) },
      };
      for await (const { Items = [] } of paginateQuery({ client: this.#documents }, query)) yield* Items.map(mappingOf);
    }
  }
}

function mappingOf({ clientId, customer }: Record<string, unknown>): ClientMapping {
  return { clientId: String(clientId), customer: String(customer) };
}
