import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { documentClientOf } from './document-client.ts';
import { ACCESS_TOKEN_CLAIM_KEY } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** Lets one of all who need a new access token ask for it; the token itself is kept in Parameter Store, never here. */
export class AccessTokenClaim {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, runs }: TablesWith<'runs'>) {
    this.#documents = documentClientOf(client);
    this.#table = runs;
  }

  /** Whether it is ours to ask now; nobody else may for so many milliseconds. */
  async claim(milliseconds: number): Promise<boolean> {
    const now = Date.now();
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...ACCESS_TOKEN_CLAIM_KEY, until: now + milliseconds },
          ConditionExpression: 'attribute_not_exists(pk) OR #until < :now',
          ExpressionAttributeNames: { '#until': 'until' },
          ExpressionAttributeValues: { ':now': now },
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}
