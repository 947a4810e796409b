import { SendMessageCommand } from '@aws-sdk/client-sqs';
import type { Context } from '../context.ts';
import { EXIT, type ExitCode } from '../exit-codes.ts';
import { giveBack, type RejectedEntry, remove, takeRejected } from '../rejected-messages.ts';
import { plural } from '../words.ts';

interface RejectedOptions {
  reason?: string;
  replay?: boolean;
  limit: number;
}

/** Shows events that could not be counted, and sends them to be counted again after a fix. */
export async function run(context: Context, options: RejectedOptions): Promise<ExitCode> {
  const cloud = await context.cloud();
  const client = await cloud.queues();
  const { output } = context;
  const queue = cloud.outputs.RejectedQueueUrl;
  const { entries, incomplete } = await takeRejected(client, queue, options.limit);
  const wanted = entries.filter(({ reason }) => options.reason === undefined || reason === options.reason);
  const kept = new Set([...entries.flatMap(({ receiptHandles }) => receiptHandles), ...incomplete]);
  let replayed = 0;
  try {
    show(context, entries, wanted);
    if (
      options.replay &&
      wanted.length > 0 &&
      (await context.confirm(`Count ${plural(wanted.length, 'event')} again?`))
    ) {
      for (const { body, receiptHandles } of wanted) {
        // First in, then out: a crash between the two leaves it in both, and counting it twice does no harm.
        await client.send(new SendMessageCommand({ QueueUrl: cloud.outputs.EventsQueueUrl, MessageBody: body }));
        await remove(client, queue, receiptHandles);
        for (const handle of receiptHandles) kept.delete(handle);
        replayed += 1;
      }
      output.line(
        `${plural(replayed, 'event')} sent to be counted again. What is still wrong with them comes back here.`,
      );
    }
  } finally {
    await giveBack(client, queue, [...kept]);
  }
  const events = wanted.map(({ receiptHandles: _, ...entry }) => entry);
  output.result({ command: 'rejected', target: cloud.target, events, total: entries.length, replayed });
  return wanted.length > replayed ? EXIT.foundProblem : EXIT.done;
}

function show({ output }: Context, all: readonly RejectedEntry[], wanted: readonly RejectedEntry[]): void {
  const byReason = new Map<string, number>();
  for (const { reason } of all) byReason.set(reason, (byReason.get(reason) ?? 0) + 1);
  output.table(
    [{ heading: 'received' }, { heading: 'reason' }, { heading: 'what' }, { heading: 'event' }],
    wanted
      .slice(0, 50)
      .map(({ receivedAt, reason, message, body }) => [
        receivedAt,
        reason,
        message.slice(0, 90),
        body.replaceAll(/\s+/g, ' ').slice(0, 60),
      ]),
  );
  if (wanted.length > 50) output.line(`and ${wanted.length - 50} more; all with --json`);
  const counts = [...byReason].map(([reason, count]) => `${reason} ${count}`).join(', ');
  output.line(all.length === 0 ? 'No rejected event.' : `${plural(all.length, 'rejected event')}: ${counts}`);
}
