import { ReceiveMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { sendEvents } from '../../../cli/events/event-sender.ts';
import type { SourcedEvent } from '../../../lib/event-files/sourced-event.ts';
import { type SqsEngine, startSqsEngine } from '../../../local/engines/sqs-engine.ts';
import { LOCAL_CREDENTIALS } from '../../fixtures/tables.ts';

const REGION = 'eu-central-1';

let engine: SqsEngine;
let client: SQSClient;
let queue: string;
beforeEach(async () => {
  engine = await startSqsEngine({ region: REGION });
  client = new SQSClient({ region: REGION, endpoint: engine.endpoint, credentials: LOCAL_CREDENTIALS });
  const arn = `arn:aws:sqs:${REGION}:000000000000:events`;
  queue = engine.ensureQueue({ name: 'events', arn, attributes: { VisibilityTimeout: '600' } }).url;
});
afterEach(async () => {
  client.destroy();
  await engine.stop();
});

/** Lines of so many bytes; the text tells which one it is. */
async function* linesOf(...sizes: number[]): AsyncGenerator<SourcedEvent> {
  let bytes = 0;
  for (const [index, size] of sizes.entries()) {
    const id = String(index).padEnd(size - '{"id":""}'.length, '-');
    bytes += size;
    yield { line: index + 1, text: JSON.stringify({ id }), bytes, endsLine: true };
  }
}

async function idsOnQueue(): Promise<string[]> {
  const ids: string[] = [];
  for (;;) {
    const { Messages = [] } = await client.send(
      new ReceiveMessageCommand({ QueueUrl: queue, MaxNumberOfMessages: 10 }),
    );
    if (Messages.length === 0) return ids.sort((one, other) => Number(one) - Number(other));
    for (const { Body = '' } of Messages) {
      // Written by linesOf.
      const events = JSON.parse(Body) as { id: string }[];
      ids.push(...events.map(({ id }) => id.replaceAll('-', '')));
    }
  }
}

test('messages that fill more than one request together go out in several', async () => {
  const sizes = [...Array.from({ length: 9 }, () => 63_000), 600_000, 63_000];
  const reached: number[] = [];

  const progress = await sendEvents(client, queue, linesOf(...sizes), undefined, ({ line }) => reached.push(line));

  expect(progress).toMatchObject({ line: 11, events: 11 });
  expect(reached.at(-1)).toBe(11);
  expect(await idsOnQueue()).toEqual(sizes.map((_, index) => String(index)));
});

test('a message that the queue refuses stops sending with what was refused, and nothing is said to be sent', async () => {
  const reached: number[] = [];

  const sending = sendEvents(client, queue, linesOf(1_100_000), undefined, ({ line }) => reached.push(line));

  await expect(sending).rejects.toThrow();
  expect(reached).toEqual([]);
});

test('a line that is sent in part is not told as sent, so that going on sends it again', async () => {
  async function* arrayLine(): AsyncGenerator<SourcedEvent> {
    for (const [index, endsLine] of [false, false, true].entries()) {
      yield { line: 1, text: JSON.stringify({ id: String(index) }), bytes: 10, endsLine };
    }
  }
  const reached: number[] = [];

  await sendEvents(client, queue, arrayLine(), 2, ({ line }) => reached.push(line));

  expect(reached).toEqual([0, 0, 1]);
  expect(await idsOnQueue()).toEqual(['0', '1', '2']);
});
