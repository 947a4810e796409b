import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { REJECTION_REASONS } from '../../lib/events/rejection.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { atStakeWords, contentOf, oneLine } from '../events/rejected-content.ts';
import { giveBack, type RejectedEntry, remove, type TakenMessages, takeRejected } from '../events/rejected-messages.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

interface RejectedOptions {
  reason?: string;
  replay?: boolean;
  discard?: boolean;
  limit: number;
}

/** What is on the queue and not ours has a reason of its own. */
const KNOWN_REASONS: readonly string[] = [...REJECTION_REASONS, 'UNKNOWN_MESSAGE'];

/** Shows events that could not be counted; sends them to be counted again after a fix, or removes them for good. */
export async function run(context: Context, options: RejectedOptions): Promise<ExitCode> {
  if (options.reason !== undefined && !KNOWN_REASONS.includes(options.reason)) {
    throw new WrongUsage(`There is no reason "${options.reason}": ${KNOWN_REASONS.join(', ')}.`);
  }
  if (options.replay && options.discard) throw new WrongUsage('Give --replay or --discard, not both.');
  const cloud = await context.cloud();
  const client = await cloud.queues();
  const queue = cloud.outputs.RejectedQueueUrl;
  const taken = await takeRejected(client, queue, options.limit);
  const { entries, incomplete, notRead } = taken;
  const isWanted = ({ reason }: RejectedEntry) => options.reason === undefined || reason === options.reason;
  const wanted = entries.filter(isWanted);
  const kept = new Set([...entries, ...incomplete].flatMap(({ receiptHandles }) => receiptHandles));
  const done = ({ receiptHandles }: RejectedEntry) => {
    for (const handle of receiptHandles) kept.delete(handle);
  };
  let replayed = 0;
  let discarded = 0;
  try {
    show(context, taken, wanted);
    if (options.replay) replayed = await replay(context, cloud, client, wanted, done);
    // The other parts of what is incomplete may lie beyond the limit, unless all was read.
    const unwanted = notRead > 0 ? wanted : [...wanted, ...incomplete.filter(isWanted)];
    if (options.discard) discarded = await discard(context, cloud, client, unwanted, done);
  } finally {
    await giveBack(client, queue, [...kept]);
  }
  const events = wanted.map(({ receiptHandles: _, ...entry }) => ({ ...entry, ...contentOf(entry) }));
  const total = entries.length;
  const isCut = notRead > 0;
  context.output.result({
    command: 'rejected',
    target: cloud.target,
    events,
    total,
    isCut,
    notRead,
    replayed,
    discarded,
  });
  return isCut || wanted.length > replayed + discarded ? EXIT.foundProblem : EXIT.done;
}

async function replay(
  context: Context,
  cloud: Cloud,
  client: SQSClient,
  wanted: readonly RejectedEntry[],
  done: (entry: RejectedEntry) => void,
): Promise<number> {
  if (wanted.length === 0 || !(await context.confirm(`Count ${plural(wanted.length, 'event')} again?`))) return 0;
  await cloud.intervene({ kind: 'replay', subjects: idsOf(wanted) });
  for (const entry of wanted) {
    // First in, then out: a crash between the two leaves it in both, and counting it twice does no harm.
    await client.send(new SendMessageCommand({ QueueUrl: cloud.outputs.EventsQueueUrl, MessageBody: entry.body }));
    await remove(client, cloud.outputs.RejectedQueueUrl, entry.receiptHandles);
    done(entry);
  }
  context.output.line(
    `${plural(wanted.length, 'event')} sent to be counted again. What is still wrong with them comes back here.`,
  );
  return wanted.length;
}

/** Rejected events may be of any period. */
function idsOf(entries: readonly RejectedEntry[]): ReadonlyMap<undefined, string[]> {
  return new Map([[undefined, entries.map(({ rejectionId }) => rejectionId)]]);
}

async function discard(
  context: Context,
  cloud: Cloud,
  client: SQSClient,
  unwanted: readonly RejectedEntry[],
  done: (entry: RejectedEntry) => void,
): Promise<number> {
  if (unwanted.length === 0) return 0;
  const question =
    `Discard ${plural(unwanted.length, 'rejected event')} for good? They are ${atStakeWords(unwanted)}. ` +
    'Nothing else keeps them, and they are never billed.';
  if (!(await context.confirm(question))) return 0;
  await cloud.intervene({ kind: 'discard', subjects: idsOf(unwanted) });
  for (const entry of unwanted) {
    await remove(client, cloud.outputs.RejectedQueueUrl, entry.receiptHandles);
    done(entry);
  }
  context.output.line(`${plural(unwanted.length, 'rejected event')} discarded.`);
  return unwanted.length;
}

const SHOWN = 50;

/** On a terminal, of client, meter, quantity, what is wrong and the event. */
const WIDTHS = [30, 20, 20, 90, 60];

function show({ output }: Context, taken: TakenMessages, wanted: readonly RejectedEntry[]): void {
  const { entries, incomplete, notRead } = taken;
  const { isLive } = output;
  const byReason = new Map<string, number>();
  for (const { reason } of entries) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  output.table(
    [
      { heading: 'received' },
      { heading: 'reason' },
      { heading: 'client' },
      { heading: 'meter' },
      { heading: 'quantity', align: 'right' },
      { heading: 'what', isProse: true },
      { heading: 'event' },
    ],
    wanted.slice(0, isLive ? SHOWN : wanted.length).map((entry) => {
      const { clientId, meter, quantity } = contentOf(entry);
      const cells = [clientId, meter, quantity, entry.message, entry.body].map(oneLine);
      // A pipe gets it whole.
      return [
        entry.receivedAt,
        entry.reason,
        ...cells.map((cell, index) => (isLive ? cell.slice(0, WIDTHS[index]) : cell)),
      ];
    }),
  );
  if (isLive && wanted.length > SHOWN) output.line(`and ${wanted.length - SHOWN} more; all with --json`);
  const counts = [...byReason].map(([reason, count]) => `${reason} ${count}`).join(', ');
  if (entries.length > 0) output.line(`${plural(entries.length, 'rejected event')}: ${counts}`);
  else if (incomplete.length === 0 && notRead === 0) output.line('No rejected event.');
  if (incomplete.length > 0)
    output.line(`${plural(incomplete.length, 'rejected event')} of which parts were not read.`);
  if (notRead > 0) {
    output.line(
      `This is not all: about ${plural(notRead, 'message')} more on the queue, beyond --limit or being looked at by somebody else.`,
    );
  }
}
