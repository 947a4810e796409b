import { ConditionalCheckFailedException, TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  TransactWriteCommand,
  type TransactWriteCommandInput,
} from '@aws-sdk/lib-dynamodb';
import { assertKnownVersion } from '../errors/halfmonth-error.ts';
import type { PackageHead, PackageState } from '../packages/package.ts';
import { changedHead, type Transition } from '../packages/transitions.ts';
import type { PeriodId } from '../periods/periods.ts';
import { documentClientOf } from './document-client.ts';
import { outstandingSort, packageDocumentKey, packageHeadKey } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** One revision of a package as it is kept: the bytes, and what is to be known without reading them. */
export interface PackageRevision {
  packageId: string;
  periodId: PeriodId;
  clientId: string;
  part: number;
  parts: number;
  revision: number;
  contentHash: string;
  /** The JSON text without the submission number (see `bodyOf`). */
  document: string;
  /** The run that made it. */
  runId: string;
  /** RFC 3339, UTC. */
  madeAt: string;
}

/** The attributes of a head item that are no keys, in one place: everybody who writes a head writes it through this. */
export function packageHeadItem(head: PackageHead): Record<string, unknown> {
  const outstandingSort = outstandingSortOf(head);
  return {
    ...packageHeadKey(head.periodId, head.clientId, head.part),
    ...head,
    ...(outstandingSort ? { outstandingSort } : {}),
  };
}

/** The head in an item, without its keys. @throws UnknownVersion */
export function packageHeadOf(item: Record<string, unknown>): PackageHead {
  assertKnownVersion(`Package ${item.packageId}`, item.schemaVersion);
  const { pk: _pk, sk: _sk, outstandingSort: _outstandingSort, ...head } = item;
  // The item was written by packageHeadItem or a transition of it; nobody else writes the table.
  return head as unknown as PackageHead;
}

/** The revision in an item. @throws UnknownVersion */
export function packageRevisionOf(item: Record<string, unknown>): PackageRevision {
  assertKnownVersion(`Revision ${item.revision} of package ${item.packageId}`, item.schemaVersion);
  // Written by putRevision alone, from a PackageRevision.
  return item as unknown as PackageRevision;
}

/**
 * The sort key of the `outstanding` index, `<state>#<client>#<part>`; nothing for a package that is out of it because
 * it is processed or rejected.
 */
export function outstandingSortOf({
  state,
  clientId,
  part,
}: {
  state: PackageState;
  clientId: string;
  part: number;
}): string | undefined {
  if (state === 'processed' || state === 'rejected') return undefined;
  return outstandingSort(state, clientId, part);
}

/** Packages as packaging writes them: new revisions. What sending does with them goes through `PackageTransitions`. */
export class PackageStore {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, packages }: TablesWith<'packages'>) {
    this.#documents = documentClientOf(client);
    this.#table = packages;
  }

  /** The head of a package, read consistently. */
  async loadHead(periodId: PeriodId, clientId: string, part: number): Promise<PackageHead | undefined> {
    const { Item } = await this.#documents.send(
      new GetCommand({
        TableName: this.#table,
        Key: packageHeadKey(periodId, clientId, part),
        ConsistentRead: true,
      }),
    );
    return Item ? packageHeadOf(Item) : undefined;
  }

  /** One revision of a package with its bytes. @throws UnknownVersion */
  async loadRevision(
    periodId: PeriodId,
    clientId: string,
    part: number,
    revision: number,
  ): Promise<PackageRevision | undefined> {
    const { Item } = await this.#documents.send(
      new GetCommand({
        TableName: this.#table,
        Key: packageDocumentKey(periodId, clientId, part, revision),
        ConsistentRead: true,
      }),
    );
    return Item && packageRevisionOf(Item);
  }

  /**
   * Makes a revision the package's current one. The document goes first and the head after it, so a crash between the
   * two leaves a document that no head names, which the next try overwrites. A document that is already there under
   * this revision is overwritten only together with the head, which proves that nobody has sent it.
   * @param expectedVersion the version of the head that this rests on; absent when there is none yet
   * @returns false when the head has changed meanwhile; nothing is changed then
   */
  async putRevision(head: PackageHead, revision: PackageRevision, expectedVersion?: number): Promise<boolean> {
    const putHead = {
      TableName: this.#table,
      Item: packageHeadItem(head),
      ...unchangedSince(expectedVersion),
    };
    const putDocument = {
      TableName: this.#table,
      Item: { ...packageDocumentKey(head.periodId, head.clientId, head.part, head.revision), ...revision },
    };
    const isNew = await succeeds(
      this.#documents.send(new PutCommand({ ...putDocument, ConditionExpression: 'attribute_not_exists(pk)' })),
    );
    if (isNew) return succeeds(this.#documents.send(new PutCommand(putHead)));
    return this.#together([{ Put: putDocument }, { Put: putHead }]);
  }

  /**
   * Takes back a revision that nobody has seen: the head becomes what it was, the document goes.
   * @returns false when the head has changed meanwhile
   */
  withdrawRevision(head: PackageHead, withdrawn: PackageHead): Promise<boolean> {
    return this.#together([
      { Put: { TableName: this.#table, Item: packageHeadItem(head), ...unchangedSince(withdrawn.version) } },
      {
        Delete: {
          TableName: this.#table,
          Key: packageDocumentKey(withdrawn.periodId, withdrawn.clientId, withdrawn.part, withdrawn.revision),
        },
      },
    ]);
  }

  /**
   * Deletes a package that nobody has seen and that has nothing left to bill.
   * @returns false when the head has changed meanwhile
   */
  discard({ periodId, clientId, part, revision, version }: PackageHead): Promise<boolean> {
    const headKey = packageHeadKey(periodId, clientId, part);
    const documentKey = packageDocumentKey(periodId, clientId, part, revision);
    return this.#together([
      { Delete: { TableName: this.#table, Key: headKey, ...unchangedSince(version) } },
      { Delete: { TableName: this.#table, Key: documentKey } },
    ]);
  }

  #together(items: NonNullable<TransactWriteCommandInput['TransactItems']>): Promise<boolean> {
    return succeeds(this.#documents.send(new TransactWriteCommand({ TransactItems: items })));
  }
}

function unchangedSince(version: number | undefined) {
  if (version === undefined) return { ConditionExpression: 'attribute_not_exists(pk)' };
  return {
    ConditionExpression: '#version = :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': version },
  };
}

/** False when a condition failed; any other failure is thrown. */
async function succeeds(write: Promise<unknown>): Promise<boolean> {
  try {
    await write;
    return true;
  } catch (error) {
    if (error instanceof ConditionalCheckFailedException) return false;
    const reasons = error instanceof TransactionCanceledException ? error.CancellationReasons : undefined;
    if (reasons?.some(({ Code }) => Code === 'ConditionalCheckFailed')) return false;
    throw error;
  }
}

/** What sending and checking do to package heads: each change is compare-and-set on the head's version. */
export class PackageTransitions {
  readonly #documents: DynamoDBDocumentClient;
  readonly #table: string;

  constructor({ client, packages }: TablesWith<'packages'>) {
    this.#documents = documentClientOf(client);
    this.#table = packages;
  }

  /**
   * Writes the change if the head is still the one that was read.
   * @returns the head as it is now stored, or undefined when somebody else changed it; nothing is changed then
   * @throws IllegalTransition when no package may change so
   */
  async apply(head: PackageHead, transition: Transition): Promise<PackageHead | undefined> {
    const next = changedHead(head, transition);
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
