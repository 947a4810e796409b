import type { SQSClient } from '@aws-sdk/client-sqs';
import type { SourcedEvent } from '../../lib/event-files/sourced-event.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';

/** A message costs by 64 KB (https://aws.amazon.com/sqs/pricing/); a little is left for what SQS adds. */
const MESSAGE_BYTES = 64_000;
/** What goes out between two words of how far it is: a few requests. */
const MESSAGES_IN_A_ROUND = 40;

/** How far sending has come: everything up to this line is on the queue. */
export interface SendProgress {
  line: number;
  events: number;
  /** Of the input, up to the end of that line. */
  bytes: number;
}

/**
 * Sends events as arrays (CloudEvents batch format), a few requests at a time, and says after each round how far it is.
 */
export async function sendEvents(
  client: SQSClient,
  queueUrl: string,
  events: AsyncIterable<SourcedEvent>,
  rate: number | undefined,
  onProgress: (progress: SendProgress) => void,
): Promise<SendProgress> {
  const startedAt = Date.now();
  const progress: SendProgress = { line: 0, events: 0, bytes: 0 };
  for await (const round of roundsOf(events, rate === undefined ? Number.POSITIVE_INFINITY : Math.ceil(rate / 2))) {
    const bodies = round.map(({ texts }) => `[${texts.join(',')}]`);
    await sendMessages(client, queueUrl, bodies, () => {});
    progress.line = round.at(-1)?.lastLine ?? progress.line;
    progress.bytes = round.at(-1)?.lastByte ?? progress.bytes;
    progress.events += round.reduce((sum, { texts }) => sum + texts.length, 0);
    onProgress(progress);
    if (rate !== undefined) await until(startedAt + (progress.events / rate) * 1000);
  }
  return progress;
}

interface Message {
  texts: string[];
  bytes: number;
  lastLine: number;
  lastByte: number;
}

/** Messages, and of these as many as go out side by side; with a rate no more lines than half a second's. */
async function* roundsOf(events: AsyncIterable<SourcedEvent>, linesAtOnce: number): AsyncGenerator<Message[]> {
  let round: Message[] = [];
  let lines = 0;
  let message = emptyMessage();
  for await (const { text, line, bytes: lastByte, endsLine } of events) {
    const bytes = Buffer.byteLength(text) + 1;
    if (message.texts.length > 0 && message.bytes + bytes > MESSAGE_BYTES) {
      round.push(message);
      message = emptyMessage();
      if (round.length === MESSAGES_IN_A_ROUND) {
        yield round;
        round = [];
        lines = 0;
      }
    }
    message.texts.push(text);
    message.bytes += bytes;
    // A line that is sent in part is sent again: what counted already counts once.
    message.lastLine = endsLine ? line : line - 1;
    message.lastByte = lastByte;
    lines += 1;
    if (lines >= linesAtOnce) {
      yield [...round, message];
      round = [];
      message = emptyMessage();
      lines = 0;
    }
  }
  if (message.texts.length > 0) round.push(message);
  if (round.length > 0) yield round;
}

function emptyMessage(): Message {
  return { texts: [], bytes: 0, lastLine: 0, lastByte: 0 };
}

async function until(instant: number): Promise<void> {
  const wait = instant - Date.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
}
