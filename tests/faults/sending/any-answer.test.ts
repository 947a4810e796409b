import { randomBytes } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterEach, expect, test } from '@jest/globals';
import { httpInvoiceApi } from '../../../lib/invoice-api/http-invoice-api.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { drawsOf } from '../../../local/invoice-api-simulator/random.ts';
import { startHttpServer } from '../../fixtures/http-server.ts';
import { TEST_PERIOD, TEST_TOKEN } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables } from '../../fixtures/tables.ts';

/** docs/sending.md has the command for the long one. */
const ANSWERS = Number(process.env.HALFMONTH_FUZZ_ANSWERS ?? 150);
const PACKAGES = Math.ceil(ANSWERS / 4);
const SEED = 11;

const started: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

interface Submission {
  packageId: string;
  revision: number;
  submission: number;
}

const BOMB = gzipSync(Buffer.alloc(20_000_000));
const STATUSES = [
  200, 201, 202, 204, 206, 301, 302, 308, 400, 401, 403, 404, 405, 408, 409, 410, 413, 418, 422, 425, 429, 431, 500,
  501, 502, 503, 504, 520, 599,
];
const WAITS = [
  '0',
  '1',
  '2',
  '-1',
  '99999999999',
  'soon',
  '1764000000',
  '1764000000000',
  'PT1S',
  '2 seconds',
  '',
  '1e9',
  'Mon, 01 Jan 2001 00:00:00 GMT',
];
const BODIES: (string | Buffer)[] = [
  '',
  'null',
  '[]',
  '{}',
  '{"id":',
  '"x"',
  '<html><title>Sign in</title>',
  '{"packages":null}',
  '{"packages":[null]}',
  '{"packages":[{}],"nextCursor":{}}',
  Buffer.from([0xff, 0xfe, 0x00, 0xd8, 0x80]),
  'a'.repeat(100_000),
  '['.repeat(50_000),
  '{"error":{"message":"no"}}',
  `{"detail":"${'\\u202e'}"}`,
];

/** An API that takes a submission once a key, whatever it then says; and says anything, until it is told to be good. */
async function startAnythingApi() {
  const draw = drawsOf(SEED);
  const taken = new Map<string, Submission>();
  const refused = new Set<string>();
  const state = { answers: 0, isGood: false };
  const server = await startHttpServer((request, text, response) => {
    state.answers += 1;
    const number = state.answers;
    const pick = <T>(name: string, list: readonly T[]): T => list[Math.floor(draw(name, number) * list.length)] as T;
    const chance = (name: string, share: number) => draw(name, number) < share;
    const url = new URL(request.url ?? '', 'http://x');
    const ids = url.searchParams.get('ids')?.split(',') ?? [];
    const reports = () =>
      ids.flatMap((id) => {
        const held = [...taken.values()].find(({ packageId }) => packageId === id);
        return held
          ? [
              {
                id,
                status: 'processed',
                revision: held.revision,
                submission: held.submission,
                processedRevision: held.revision,
              },
            ]
          : [];
      });
    const key = String(request.headers['idempotency-key']);
    const honest = (status = 202): void => {
      if (request.method === 'POST') {
        const { packageId, revision, submission } = JSON.parse(text) as Submission;
        if (refused.has(packageId)) return void response.writeHead(400).end('{"title":"no"}');
        taken.set(key, { packageId, revision, submission });
        return void response
          .writeHead(status, { 'content-type': 'application/json' })
          .end(JSON.stringify({ id: packageId, status: 'queued' }));
      }
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ packages: reports() }));
    };
    if (state.isGood || chance('honest', 0.3)) return honest();
    // In half of the cases it has been taken, whatever is said: but a clear refusal means what it says.
    const status = pick('status', STATUSES);
    const isRefusal = [400, 401, 403, 413, 422, 429, 431, 503].includes(status);
    if (request.method === 'POST' && !isRefusal && chance('taken', 0.5)) {
      const submission = JSON.parse(text) as Submission;
      taken.set(key, {
        packageId: submission.packageId,
        revision: submission.revision,
        submission: submission.submission,
      });
    }
    anything(response, {
      status,
      wait: pick('wait', WAITS),
      body: pick('body', BODIES),
      form: chance('hang', 0.01) ? 'hang' : pick('form', FORMS),
      asked: ids[0] ?? String(key).replace(/\.r\d+\.s\d+$/, ''),
    });
  });
  started.push(server);
  return { url: server.url, taken, state };
}

/** What can be wrong with an answer besides its status, its words and when to come back. */
const FORMS = [
  'reset',
  'nonsense',
  'cut',
  'bomb',
  'damaged',
  'other package',
  'other submission',
  'unknown word',
  'endless',
  'endless header',
  'wrong length',
  'plain',
  'plain',
  'plain',
  'plain',
] as const;

interface Anything {
  status: number;
  wait: string;
  body: string | Buffer;
  form: (typeof FORMS)[number] | 'hang';
  /** The package that the request is about, or one of them. */
  asked: string;
}

function anything(response: ServerResponse, { status, wait, body, form, asked }: Anything): void {
  const headers: Record<string, string> = { 'retry-after': wait, location: '/elsewhere' };
  const bodiless = status === 204;
  switch (form) {
    case 'hang':
      return;
    case 'reset':
      return void response.socket?.resetAndDestroy();
    case 'nonsense':
      return void response.socket?.end('nonsense\r\n\r\n');
    case 'cut':
      response.writeHead(status, { ...headers, 'content-length': '1000' }).write('{"id"');
      return void setImmediate(() => response.destroy());
    case 'bomb':
      return void response
        .writeHead(status, { ...headers, 'content-encoding': 'gzip' })
        .end(bodiless ? undefined : BOMB);
    case 'damaged':
      return void response.writeHead(status, { ...headers, 'content-encoding': 'br' }).end(randomBytes(50));
    case 'other package':
      return void response
        .writeHead(200, headers)
        .end(JSON.stringify({ id: `${TEST_PERIOD}.somebody-else`, status: 'processed' }));
    case 'other submission': {
      const other = { id: asked, status: 'processed', revision: 9, submission: 9, processedRevision: 9 };
      return void response.writeHead(200, headers).end(JSON.stringify({ ...other, packages: [other, other] }));
    }
    case 'unknown word':
      return void response
        .writeHead(200, headers)
        .end(JSON.stringify({ packages: [{ id: asked, status: 'done' }], nextCursor: 'again' }));
    case 'endless':
      response.writeHead(status, headers);
      if (bodiless) return void response.end();
      return void endless(response);
    case 'endless header':
      return void response.socket?.end(`HTTP/1.1 200 OK\r\nx-long: ${'a'.repeat(200_000)}\r\n\r\n{}`);
    case 'wrong length':
      return void response.socket?.end(`HTTP/1.1 ${status} Odd\r\ncontent-length: 2\r\n\r\n{"id":"${asked}"}{}`);
    case 'plain':
      return void response.writeHead(status, headers).end(bodiless ? undefined : body);
  }
}

/** Goes on until its reader hangs up. */
function endless(response: ServerResponse): void {
  const chunk = Buffer.alloc(65_536, 'a');
  const more = (): void => {
    while (!response.destroyed && response.write(chunk));
    if (!response.destroyed) response.once('drain', more);
  };
  more();
}

test(
  `${ANSWERS} answers of any kind: no package ends in a wrong state, none is billed twice, nothing hangs`,
  async () => {
    const tables = await startTestTables();
    const { url, taken, state } = await startAnythingApi();
    const api = httpInvoiceApi({
      baseUrl: url,
      token: async () => TEST_TOKEN,
      timeoutMilliseconds: 2_000,
      maximumConnections: 8,
      maximumAnswerBytes: 1_000_000,
    });
    started.push({ stop: () => api.close() }, tables);
    await makePackages(tables, PACKAGES);
    // Waits pass at once.
    let ahead = 0;
    const clock = {
      now: () => Date.now() + ahead,
      sleep: async (milliseconds: number) => {
        ahead += Math.max(0, milliseconds);
      },
    };
    const settings = {
      attemptsLimit: 1_000_000,
      requestTimeoutMilliseconds: 2_000,
      processingDeadlineMilliseconds: 1e12,
      keyRetentionMilliseconds: 1e12,
    };
    const sending = sendingOn(tables, api, settings, { clock });
    await sending.calendar.change((calendar) => ({ calendar: { ...calendar, answeredAt: 1 } }));
    const run = testRun();

    const oneRound = async (): Promise<void> => {
      ahead += 3_700_000;
      await takeTurn({ run, chunk: '0-15' }, sending).catch((error: unknown) => {
        // What stops a run is right to stop it; a redrive goes on.
        if (!(error instanceof Error) || !/RefusedCredentials/.test(error.name)) throw error;
      });
    };
    const heads = async () => {
      const all = [];
      for (let client = 1; client <= PACKAGES; client++) {
        all.push(await sending.packages.loadHead(TEST_PERIOD, `client-${String(client).padStart(4, '0')}`, 1));
      }
      return all;
    };
    const memory = process.memoryUsage().rss;
    while (state.answers < ANSWERS) {
      const before = state.answers;
      await oneRound();
      if (state.answers === before) break;
    }
    state.isGood = true;
    for (let round = 0; round < 12; round++) await oneRound();

    const counts: Record<string, number> = {};
    for (const head of await heads()) {
      if (!head) throw new Error('a package is gone');
      counts[head.state] = (counts[head.state] ?? 0) + 1;
      const keys = [...taken.keys()].filter((key) => key.startsWith(`${head.packageId}.r`));
      expect(keys.length).toBeLessThanOrEqual(1);
      if (head.state === 'processed') expect(keys).toHaveLength(1);
      if (head.state === 'rejected') expect(keys).toHaveLength(0);
    }
    process.stdout.write(`${JSON.stringify({ answers: state.answers, counts })}\n`);
    expect(process.memoryUsage().rss - memory).toBeLessThan(400e6);
  },
  590_000 + 100 * ANSWERS,
);
