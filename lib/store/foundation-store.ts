import { ConditionalCheckFailedException, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { FOUNDATION_KEY } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** The settings that the keys of all usage depend on. They can be chosen once. */
export interface Foundation {
  billingTimeZone: string;
  sliceMinutes: number;
}

/** The settings differ from those that usage has been counted by. Counting on would look for the same event elsewhere. */
export class FoundationChanged extends HalfmonthError {
  readonly code = 'FOUNDATION_CHANGED';
  readonly laid: Foundation;
  readonly given: Foundation;

  constructor(laid: Foundation, given: Foundation) {
    super(
      `Usage has been counted with BILLING_TIME_ZONE=${laid.billingTimeZone} and SLICE_MINUTES=${laid.sliceMinutes}, and now ` +
        `they are ${given.billingTimeZone} and ${given.sliceMinutes}. Days and slices are part of the keys, so they cannot be ` +
        'changed: set them back, or deploy another stage with tables of its own.',
    );
    this.laid = laid;
    this.given = given;
  }
}

/**
 * Lays the foundation when there is none, and compares with it when there is: one read a cold start.
 * @throws FoundationChanged
 */
export async function ensureFoundation(tables: TablesWith<'runs'>, given: Foundation): Promise<void> {
  compare((await readFoundation(tables)) ?? (await layFoundation(tables, given)), given);
}

/**
 * Compares with the foundation, and lays none.
 * @returns false while there is none: nothing has been counted
 * @throws FoundationChanged
 */
export async function holdToFoundation(tables: TablesWith<'runs'>, given: Foundation): Promise<boolean> {
  const laid = await readFoundation(tables);
  if (laid) compare(laid, given);
  return laid !== undefined;
}

function compare(laid: Foundation, given: Foundation): void {
  if (laid.billingTimeZone !== given.billingTimeZone || laid.sliceMinutes !== given.sliceMinutes) {
    throw new FoundationChanged(laid, given);
  }
}

async function readFoundation({ client, runs }: TablesWith<'runs'>): Promise<Foundation | undefined> {
  const { Item } = await client.send(new GetItemCommand({ TableName: runs, Key: KEY, ConsistentRead: true }));
  if (!Item) return undefined;
  return { billingTimeZone: Item.billingTimeZone?.S ?? '', sliceMinutes: Number(Item.sliceMinutes?.N) };
}

async function layFoundation(tables: TablesWith<'runs'>, given: Foundation): Promise<Foundation> {
  try {
    await tables.client.send(
      new PutItemCommand({
        TableName: tables.runs,
        Item: {
          ...KEY,
          billingTimeZone: { S: given.billingTimeZone },
          sliceMinutes: { N: String(given.sliceMinutes) },
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    );
    return given;
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    // Another process was first, a moment ago.
    return (await readFoundation(tables)) ?? given;
  }
}

const KEY = { pk: { S: FOUNDATION_KEY.pk }, sk: { S: FOUNDATION_KEY.sk } };
