import { SendMessageBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { CommandFailed } from './errors.ts';
import type { SourcedEvent } from './event-source.ts';

/** A message costs by 64 KB (https://aws.amazon.com/sqs/pricing/); a little is left for what SQS adds. */
const MESSAGE_BYTES = 64_000;
const MESSAGES_PER_REQUEST = 10;
const REQUESTS_AT_ONCE = 4;
const TRIES = 8;

/** How far sending has come: everything up to this line is on the queue. */
export interface SendProgress {
  line: number;
  events: number;
  /** Of the input, up to the end of that line. */
  bytes: number;
}

/** Sends events as arrays (CloudEvents batch format), a few requests at a time, and says after each round how far it is. */
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
    const requests: string[][] = [];
    for (let first = 0; first < bodies.length; first += MESSAGES_PER_REQUEST) {
      requests.push(bodies.slice(first, first + MESSAGES_PER_REQUEST));
    }
    await Promise.all(requests.map((batch) => sendBatch(client, queueUrl, batch)));
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
  for await (const { text, line, bytes: lastByte } of events) {
    // A line that is an array already is opened: an array within an array is no event.
    const trimmed = text.trim();
    const inner = trimmed.startsWith('[') ? trimmed.slice(1, -1).trim() : trimmed;
    if (inner === '') continue;
    const bytes = Buffer.byteLength(inner) + 1;
    if (message.texts.length > 0 && message.bytes + bytes > MESSAGE_BYTES) {
      round.push(message);
      message = emptyMessage();
      if (round.length === REQUESTS_AT_ONCE * MESSAGES_PER_REQUEST) {
        yield round;
        round = [];
        lines = 0;
      }
    }
    message.texts.push(inner);
    message.bytes += bytes;
    message.lastLine = line;
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

async function sendBatch(client: SQSClient, queueUrl: string, bodies: readonly string[]): Promise<void> {
  let left = bodies.map((MessageBody, index) => ({ Id: String(index), MessageBody }));
  for (let tries = 1; ; tries++) {
    const { Failed = [] } = await client.send(new SendMessageBatchCommand({ QueueUrl: queueUrl, Entries: left }));
    if (Failed.length === 0) return;
    const refused = Failed.find(({ SenderFault }) => SenderFault) ?? (tries === TRIES ? Failed[0] : undefined);
    if (refused) {
      throw new CommandFailed(
        'MESSAGE_REFUSED',
        `The queue refused a message (${refused.Code}: ${refused.Message}). What was sent stays sent; go on with --resume.`,
      );
    }
    left = left.filter(({ Id }) => Failed.some((failed) => failed.Id === Id));
    await until(Date.now() + 100 * 2 ** tries);
  }
}

async function until(instant: number): Promise<void> {
  const wait = instant - Date.now();
  if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
}
