import {
  ConditionalCheckFailedException,
  GetItemCommand,
  PutItemCommand,
  UpdateItemCommand,
} from '@aws-sdk/client-dynamodb';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { addDays, type Day } from '../periods/days.ts';
import { type PeriodId, periodOf } from '../periods/periods.ts';
import { FOUNDATION_KEY, keyAttributes } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** The settings that the keys of all usage depend on. They can be chosen once. */
export interface Foundation {
  billingTimeZone: string;
  sliceMinutes: number;
}

/** The foundation as it was laid. */
export interface LaidFoundation extends Foundation {
  /**
   * From this day on events look into wide slices first, and control totals are kept; before every day unless an
   * earlier version laid the foundation. Absent until the first function of this version counts.
   */
  wideSlicesFrom?: Day;
  /** Control totals are whole from this day on; written by a person who restored the runs table, else absent. */
  controlledFrom?: Day;
}

/** The foundation as counting works with it. */
export type FoundationInUse = LaidFoundation & { wideSlicesFrom: Day };

/**
 * The settings differ from those that usage has been counted by. Counting on would look for the same event elsewhere.
 */
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

const FIRST_DAY: Day = '0000-01-01';

/**
 * Lays the foundation when there is none, and compares with it when there is: one read a cold start. One that an
 * earlier version laid is taken over: wide slices begin on the day after tomorrow, which no instance of that version
 * lives to see, nor has it counted anything of it, since events are at most an hour ahead.
 * @param today in the billing time zone
 * @throws FoundationChanged
 */
export async function ensureFoundation(
  tables: TablesWith<'runs'>,
  given: Foundation,
  today: Day,
): Promise<FoundationInUse> {
  const laid = (await readFoundation(tables)) ?? (await layFoundation(tables, given));
  compare(laid, given);
  const { wideSlicesFrom } = laid;
  return wideSlicesFrom === undefined ? takeOver(tables, laid, addDays(today, 2)) : { ...laid, wideSlicesFrom };
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

/** Whether all of a period was counted by versions that keep control totals, and none of those was lost. */
export function isControlled(laid: LaidFoundation, period: PeriodId): boolean {
  const from = laid.controlledFrom ?? laid.wideSlicesFrom;
  return from !== undefined && periodOf(period).from >= from;
}

/** The foundation as it is now; none while nothing has been counted. */
export async function readFoundation({ client, runs }: TablesWith<'runs'>): Promise<LaidFoundation | undefined> {
  const { Item } = await client.send(new GetItemCommand({ TableName: runs, Key: KEY, ConsistentRead: true }));
  if (!Item) return undefined;
  const wideSlicesFrom = Item.wideSlicesFrom?.S;
  const controlledFrom = Item.controlledFrom?.S;
  return {
    billingTimeZone: Item.billingTimeZone?.S ?? '',
    sliceMinutes: Number((Item.shortSliceMinutes ?? Item.sliceMinutes)?.N),
    ...(wideSlicesFrom === undefined ? {} : { wideSlicesFrom }),
    ...(controlledFrom === undefined ? {} : { controlledFrom }),
  };
}

/**
 * From now on the length of slices stands under another name, so that a version which knows of no wide slices refuses
 * to count (its `FOUNDATION_CHANGED` says NaN) instead of counting an event again that stands in one.
 */
async function takeOver(
  tables: TablesWith<'runs'>,
  laid: LaidFoundation,
  wideSlicesFrom: Day,
): Promise<FoundationInUse> {
  try {
    await tables.client.send(
      new UpdateItemCommand({
        TableName: tables.runs,
        Key: KEY,
        UpdateExpression: 'SET wideSlicesFrom = :from, shortSliceMinutes = :minutes REMOVE sliceMinutes',
        ConditionExpression: 'attribute_not_exists(wideSlicesFrom)',
        ExpressionAttributeValues: { ':from': { S: wideSlicesFrom }, ':minutes': { N: String(laid.sliceMinutes) } },
      }),
    );
    return { ...laid, wideSlicesFrom };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    // Another process was first, a moment ago.
    return { ...laid, wideSlicesFrom, ...(await readFoundation(tables)) };
  }
}

async function layFoundation(tables: TablesWith<'runs'>, given: Foundation): Promise<LaidFoundation> {
  try {
    await tables.client.send(
      new PutItemCommand({
        TableName: tables.runs,
        Item: {
          ...KEY,
          billingTimeZone: { S: given.billingTimeZone },
          shortSliceMinutes: { N: String(given.sliceMinutes) },
          wideSlicesFrom: { S: FIRST_DAY },
        },
        ConditionExpression: 'attribute_not_exists(pk)',
      }),
    );
    return { ...given, wideSlicesFrom: FIRST_DAY };
  } catch (error) {
    if (!(error instanceof ConditionalCheckFailedException)) throw error;
    // Another process was first, a moment ago.
    return (await readFoundation(tables)) ?? given;
  }
}

const KEY = keyAttributes(FOUNDATION_KEY);
