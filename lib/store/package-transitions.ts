import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import type { PackageAttempt, PackageHead } from '../packages/package.ts';
import { packageHeadItem } from './package-store.ts';

/**
 * A head keeps this many exchanges with the API, the latest: each rewrite costs write units by the item's size. What people decided
 * is kept whole: there is little of it, and it is to be accounted for.
 */
export const ATTEMPTS_KEPT = 10;

/** What a transition changes. An optional field that is given as undefined is removed. */
export type HeadChange = {
  [Field in keyof Omit<PackageHead, 'version' | 'attempts' | 'packageId'>]?: PackageHead[Field] | undefined;
};

/** The head after a change, with the attempt in its history. */
export function changedHead(head: PackageHead, change: HeadChange, attempt?: PackageAttempt): PackageHead {
  const attempts = attempt ? keptOf([...head.attempts, attempt]) : head.attempts;
  const entries = Object.entries({ ...head, ...change, attempts, version: head.version + 1 });
  // Only fields of PackageHead went in; taking out undefined ones removes optional fields alone.
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as PackageHead;
}

/** All decisions of people, and the latest exchanges, in their order. */
function keptOf(attempts: readonly PackageAttempt[]): PackageAttempt[] {
  const isExchange = ({ action }: PackageAttempt) => action === 'send' || action === 'check';
  let dropped = attempts.filter(isExchange).length - ATTEMPTS_KEPT;
  return attempts.filter((attempt) => !isExchange(attempt) || dropped-- <= 0);
}

/** What sending and checking do to package heads: each change is compare-and-set on the head's version. */
export class PackageTransitions {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(documents: DynamoDBDocumentClient, table: string) {
    this.#documents = documents;
    this.#table = table;
  }

  /**
   * Writes the change if the head is still the one that was read.
   * @returns the head as it is now stored, or undefined when somebody else changed it; nothing is changed then
   */
  async apply(head: PackageHead, change: HeadChange, attempt?: PackageAttempt): Promise<PackageHead | undefined> {
    const next = changedHead(head, change, attempt);
    try {
      await this.#documents.send(
        new PutCommand({
          TableName: this.#table,
          Item: packageHeadItem(next),
          ConditionExpression: '#version = :version',
          ExpressionAttributeNames: { '#version': 'version' },
          ExpressionAttributeValues: { ':version': head.version },
        }),
      );
      return next;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  }
}
