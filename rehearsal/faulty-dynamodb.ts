import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse, request as send } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Random } from '../local/start/random.ts';
import { drawFault, type RequestFault } from './faults.ts';
import { virtualTime } from './time/main.ts';

const SLOW_MILLISECONDS = { least: 100, most: 1_500 };
const JSON_TYPE = { 'content-type': 'application/x-amz-json-1.0' };

/** Stands between functions and the DynamoDB engine; the engine behind it is the real one. */
export interface FaultyDynamoDb {
  endpoint: string;
  /** Where the engine listens: known once the cloud is up. */
  target: string;
  /** What goes wrong from now on; nothing when empty. */
  shares: Partial<Record<RequestFault, number>>;
  /** How often each kind has happened. */
  readonly happened: Map<RequestFault, number>;
  stop(): Promise<void>;
}

/** Starts it on a free port of loopback. */
export async function startFaultyDynamoDb(random: Random): Promise<FaultyDynamoDb> {
  const happened = new Map<RequestFault, number>();
  const server = createServer((request, response) => {
    // A request that breaks off has nobody left to answer.
    answer(request, response).catch(() => response.destroy());
  });
  server.keepAliveTimeout = 65_000;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // Listening on TCP, so its address is an object.
  const { port } = server.address() as { port: number };
  const faulty: FaultyDynamoDb = {
    endpoint: `http://127.0.0.1:${port}`,
    target: '',
    shares: {},
    happened,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    const fault = drawFault(faulty.shares, random);
    if (fault) happened.set(fault, (happened.get(fault) ?? 0) + 1);
    switch (fault) {
      case 'lost':
        response.destroy();
        return;
      case 'unanswered':
        await forward(request, body, faulty.target);
        response.destroy();
        return;
      case 'throttled':
        response.writeHead(400, JSON_TYPE).end(errorText('ProvisionedThroughputExceededException', 'Rate exceeded'));
        return;
      case 'serverError':
        response.writeHead(500, JSON_TYPE).end(errorText('InternalServerError', 'try again'));
        return;
      case 'slow':
        await delay(random.integer(SLOW_MILLISECONDS.least, SLOW_MILLISECONDS.most));
        break;
    }
    const isPartial = fault === 'unprocessed' && operation.startsWith('Batch');
    const { statusCode, headers, text } = isPartial
      ? await forwardHalf(request, body, faulty.target)
      : await forward(request, body, faulty.target);
    response.writeHead(statusCode, headers).end(text);
  }

  return faulty;
}

function errorText(type: string, message: string): string {
  return JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message });
}

interface Answer {
  statusCode: number;
  headers: Record<string, string>;
  text: Buffer;
}

/** The engine is another process: while it works, time passes as on the machine. */
function forward(request: IncomingMessage, body: Buffer, target: string): Promise<Answer> {
  return virtualTime.busy(() => exchange(request, body, target));
}

async function exchange({ headers, method }: IncomingMessage, body: Buffer, target: string): Promise<Answer> {
  const { host: _host, 'content-length': _length, 'transfer-encoding': _encoding, ...kept } = headers;
  const outgoing = send(target, { method: method ?? 'POST', headers: { ...kept, 'content-length': body.length } });
  outgoing.end(body);
  const [incoming]: IncomingMessage[] = await once(outgoing, 'response');
  const chunks: Buffer[] = [];
  if (!incoming) throw new Error('no answer from the engine');
  for await (const chunk of incoming) chunks.push(chunk);
  const { 'content-type': type = 'application/x-amz-json-1.0' } = incoming.headers;
  return { statusCode: incoming.statusCode ?? 500, headers: { 'content-type': type }, text: Buffer.concat(chunks) };
}

type BatchTables = Record<string, { Keys?: unknown[] } | unknown[]>;

/** Only the first half of a batch reaches the engine; the rest comes back as unprocessed, as DynamoDB may answer. */
async function forwardHalf(request: IncomingMessage, body: Buffer, target: string): Promise<Answer> {
  const whole: { RequestItems: BatchTables } = JSON.parse(body.toString('utf8'));
  const [now, later]: [BatchTables, BatchTables] = [{}, {}];
  for (const [table, asked] of Object.entries(whole.RequestItems)) {
    const items = Array.isArray(asked) ? asked : (asked.Keys ?? []);
    const half = Math.ceil(items.length / 2);
    const part = (chosen: unknown[]) => (Array.isArray(asked) ? chosen : { ...asked, Keys: chosen });
    now[table] = part(items.slice(0, half));
    if (items.length > half) later[table] = part(items.slice(half));
  }
  const answer = await forward(request, Buffer.from(JSON.stringify({ ...whole, RequestItems: now })), target);
  if (answer.statusCode !== 200) return answer;
  const isGet = String(request.headers['x-amz-target']).endsWith('BatchGetItem');
  const said = JSON.parse(answer.text.toString('utf8'));
  const text = JSON.stringify({ ...said, [isGet ? 'UnprocessedKeys' : 'UnprocessedItems']: later });
  return { ...answer, text: Buffer.from(text) };
}
