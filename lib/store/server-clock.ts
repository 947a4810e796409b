import { GetItemCommand } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { Clock } from '../quota/pacer.ts';
import { quotaCalendarKey } from './keys.ts';
import type { TablesWith } from './tables.ts';

/** The clocks of AWS keep to this much; what is further off would break the quota for others. */
const TOLERATED_MILLISECONDS = 1_000;
/** `Date` is cut to whole seconds (RFC 9110, section 5.6.7). */
const DATE_RESOLUTION_MILLISECONDS = 1_000;

/**
 * The clock that others book by in the quota calendar: our own where it agrees with the `Date` of DynamoDB's answer
 * within a second, as far as that can be told, else ours put right by it. A person's machine may be minutes off.
 */
export async function serverClock({ client, runs }: TablesWith<'runs'>, own: Clock): Promise<Clock> {
  const command = new GetItemCommand({ TableName: runs, Key: marshall(quotaCalendarKey('invoice-api')) });
  let date: number | undefined;
  command.middlewareStack.add(
    (next) => async (given) => {
      const answer = await next(given);
      date = dateOf(answer.response);
      return answer;
    },
    { step: 'deserialize' },
  );
  const askedAt = own.now();
  await client.send(command);
  const answeredAt = own.now();
  if (date === undefined) return own;
  const least = date - answeredAt;
  const most = date + DATE_RESOLUTION_MILLISECONDS - askedAt;
  if (least <= TOLERATED_MILLISECONDS && most >= -TOLERATED_MILLISECONDS) return own;
  const behind = Math.round((least + most) / 2);
  return { now: () => own.now() + behind, sleep: (milliseconds) => own.sleep(milliseconds) };
}

/** Milliseconds since the epoch; undefined where the engine says no `Date`. */
function dateOf(response: unknown): number | undefined {
  const { headers } = response as { headers?: Record<string, string> }; // whatever transport the client has
  const milliseconds = Date.parse(headers?.date ?? '');
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}
