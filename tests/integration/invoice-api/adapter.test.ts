import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from '@jest/globals';
import { InvoiceApiMisconfigured, TooManyPackageIds } from '../../../lib/invoice-api/base-url.ts';
import { type HttpInvoiceApiOptions, httpInvoiceApi } from '../../../lib/invoice-api/http-invoice-api.ts';
import { freePort } from '../../../local/engines/free-port.ts';
import type { SimulatorOptions } from '../../../local/invoice-api-simulator/simulator.ts';
import { startHttpServer } from '../../fixtures/http-server.ts';
import {
  packageIdOfClient,
  startTestInvoiceApi,
  submissionOf,
  TEST_PERIOD,
  TEST_TOKEN,
  type TestInvoiceApi,
  until,
} from '../../fixtures/invoice-api.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

async function start(
  options?: Partial<SimulatorOptions>,
  adapter?: Partial<HttpInvoiceApiOptions>,
): Promise<TestInvoiceApi> {
  const invoiceApi = await startTestInvoiceApi(options, adapter);
  started.push(invoiceApi);
  return invoiceApi;
}

/** An adapter that waits as long as a busy machine needs. */
function patientApi(baseUrl: string) {
  const api = httpInvoiceApi({
    baseUrl,
    token: async () => TEST_TOKEN,
    timeoutMilliseconds: 30_000,
    maximumConnections: 1,
  });
  started.push({ stop: async () => api.close() });
  return api;
}

/** An API that gives every request this one raw answer, for answers that no simulator should give by itself. */
async function startRawAnswer(rawAnswer: string, adapter: Partial<HttpInvoiceApiOptions> = {}) {
  const requests: { headers: Record<string, string | string[] | undefined>; body: string }[] = [];
  const server = await startHttpServer((request, body) => {
    requests.push({ headers: request.headers, body });
    request.socket.end(rawAnswer);
  });
  const api = httpInvoiceApi({
    baseUrl: server.url,
    token: async () => TEST_TOKEN,
    timeoutMilliseconds: 10_000,
    maximumConnections: 1,
    ...adapter,
  });
  started.push(server, { stop: async () => api.close() });
  return { api, requests };
}

const rawAnswer = (status: string, headers: string[], body: string): string =>
  [`HTTP/1.1 ${status}`, ...headers, `Content-Length: ${Buffer.byteLength(body)}`, 'Connection: close', '', body].join(
    '\r\n',
  );

describe('submissions', () => {
  test('an accepted one tells id, status and the traces of the exchange', async () => {
    const { api } = await start();
    const outcome = await api.submit(submissionOf({ clientId: 'acme' }));
    expect(outcome).toMatchObject({
      kind: 'accepted',
      id: packageIdOfClient('acme'),
      status: 'processed',
      replayed: false,
      exchange: { httpStatus: 202, requestId: 'simulated-1' },
    });
    expect(outcome.exchange.latencyMilliseconds).toBeGreaterThanOrEqual(0);
  });

  test('the bytes on the wire are those of the body, whatever is in it', async () => {
    const { api, requests } = await startRawAnswer(rawAnswer('202 Accepted', [], '{"id":"a","status":"queued"}'));
    const body = '{ "name" : "Zoë \\u0041 \u{1f9fe}",\n "quantity":"1.50" }';
    await api.submit({ idempotencyKey: 'k', body });
    expect(requests).toEqual([
      { body, headers: expect.objectContaining({ 'idempotency-key': 'k', authorization: `Bearer ${TEST_TOKEN}` }) },
    ]);
  });

  test('a replay is the same package', async () => {
    const { api, simulator } = await start();
    const first = await api.submit(submissionOf());
    const second = await api.submit(submissionOf());
    expect(first).toMatchObject({ kind: 'accepted', replayed: false });
    expect(second).toMatchObject({ kind: 'accepted', replayed: true, id: packageIdOfClient('acme') });
    expect(simulator.report()).toMatchObject({ replayed: 1, acceptedTwice: 0, packages: { total: 1 } });
  });

  const acceptance = (shape: object = {}): string =>
    JSON.stringify({ id: packageIdOfClient('acme'), status: 'processing', ...shape });

  test('200 is a replay too', async () => {
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], acceptance()));
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: true, status: 'processing' });
  });

  test.each(['201 Created', '203 Non-Authoritative Information', '207 Multi-Status'])(
    '%s with a good body is an acceptance',
    async (status) => {
      const { api } = await startRawAnswer(rawAnswer(status, [], acceptance()));
      expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: false });
    },
  );

  test.each([
    ['package', { id: '2026-11-H1.somebody-else', status: 'processed' }],
    ['revision', { revision: 2 }],
    ['submission', { submission: 2 }],
  ])('an answer about another %s is no acceptance', async (_what, shape) => {
    const { api } = await startRawAnswer(rawAnswer('202 Accepted', [], acceptance(shape)));
    expect(await api.submit(submissionOf())).toMatchObject({
      kind: 'unknown',
      cause: 'malformed-answer',
      reason: expect.stringContaining('the answer is about {'),
    });
  });

  test('a key with another body is reported, and the first package stands', async () => {
    const { api, simulator } = await start();
    const first = submissionOf({ quantity: '1' });
    await api.submit(first);
    const outcome = await api.submit({ ...submissionOf({ quantity: '2' }), idempotencyKey: first.idempotencyKey });
    expect(outcome).toMatchObject({ kind: 'key-reused', exchange: { httpStatus: 422 } });
    expect(simulator.report().totals).toEqual({ [TEST_PERIOD]: { api_calls: '1' } });
  });

  test('a body against the contract is invalid, and the reason names the faults', async () => {
    const { api } = await start();
    const { idempotencyKey, body } = submissionOf();
    const outcome = await api.submit({ idempotencyKey, body: body.replace('"quantity":"12.5"', '"quantity":12.5') });
    expect(outcome).toMatchObject({ kind: 'invalid', exchange: { httpStatus: 400 } });
    expect('reason' in outcome && outcome.reason).toContain('/lines/0/quantity: must be string');
  });

  test('a body that is too large is invalid', async () => {
    const { api } = await start();
    const { idempotencyKey } = submissionOf();
    const outcome = await api.submit({ idempotencyKey, body: `{"padding":"${'x'.repeat(1024 * 1024)}"}` });
    expect(outcome).toMatchObject({ kind: 'invalid', exchange: { httpStatus: 413 } });
  });
});

describe('every fault', () => {
  const oneFault = (name: string) => ({ faults: { [name]: 1 }, faultyAttempts: 1 });

  test('503 is throttled and changes nothing', async () => {
    const { api, simulator } = await start({ faults: { unavailable: 1 } });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'throttled', exchange: { httpStatus: 503 } });
    expect(simulator.report().packages.total).toBe(0);
  });

  test('409 is in flight, with its wait', async () => {
    const { api } = await start({ faults: { conflict: 1 } });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'in-flight', retryAfterMilliseconds: 1000 });
  });

  test('a fate of 400 is invalid each time', async () => {
    const { api } = await start({ faults: { invalid: 1 } });
    for (const _attempt of [1, 2]) {
      expect(await api.submit(submissionOf())).toMatchObject({
        kind: 'invalid',
        reason: 'HTTP 400: Bad Request; The customer has no valid tax number.',
      });
    }
  });

  test.each(['serverError', 'connectionReset'] as const)(
    '%s: unknown, and taken in some cases only; the same submission again is accepted once',
    async (fault) => {
      const { api, simulator } = await start(oneFault(fault));
      const submissions = Array.from({ length: 24 }, (_, index) => submissionOf({ clientId: `client-${index}` }));
      for (const submission of submissions) {
        expect(await api.submit(submission)).toMatchObject({
          kind: 'unknown',
          cause: fault === 'serverError' ? 'server-error' : 'connection',
        });
      }
      const taken = simulator.report().packages.total;
      expect(taken).toBeGreaterThan(0);
      expect(taken).toBeLessThan(24);

      for (const submission of submissions) expect(await api.submit(submission)).toMatchObject({ kind: 'accepted' });

      expect(simulator.report()).toMatchObject({ replayed: taken, acceptedTwice: 0, packages: { processed: 24 } });
    },
  );

  test.each(['timeoutAfterCommit', 'slowBody'] as const)(
    '%s: unknown after the one time-out; the package was taken and the replay says so',
    async (fault) => {
      const { api, simulator } = await start(oneFault(fault), { timeoutMilliseconds: 250 });
      expect(await api.submit(submissionOf())).toMatchObject({ kind: 'unknown', cause: 'time-out' });
      await until(() => simulator.report().packages.processed === 1);
      const patient = patientApi(simulator.url);
      expect(await patient.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: true });
      expect(simulator.report().acceptedTwice).toBe(0);
    },
  );

  test('malformed JSON is unknown, and the replay mends it', async () => {
    const { api, simulator } = await start(oneFault('malformedJson'));
    expect(await api.submit(submissionOf())).toMatchObject({
      kind: 'unknown',
      cause: 'malformed-answer',
      reason: expect.stringContaining('HTTP 202, and the answer is not JSON: '),
      exchange: { httpStatus: 202 },
    });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: true });
    expect(simulator.report().faults).toEqual({ malformedJson: 1 });
  });

  test('a burst of 429 is throttled with its wait, and is no violation of the quota', async () => {
    const { api, simulator } = await start({ faults: { throttleBurst: 1 } });
    const outcome = await api.submit(submissionOf());
    expect(outcome).toMatchObject({ kind: 'throttled', retryAfterMilliseconds: expect.any(Number) });
    expect(simulator.report()).toMatchObject({ throttled: 1, violations: 0, packages: { total: 0 } });
  });

  test.each([
    ['serverError', 'server-error'],
    ['connectionReset', 'connection'],
    ['slowBody', 'time-out'],
    ['malformedJson', 'malformed-answer'],
  ] as const)('%s strikes status reads and listings as well', async (fault, cause) => {
    const { api } = await start({ faults: { [fault]: 1 } }, { timeoutMilliseconds: 250 });
    expect(await api.statusOf([packageIdOfClient('acme')])).toMatchObject({ kind: 'unknown', cause });
    expect(await api.listPeriod(TEST_PERIOD)).toMatchObject({ kind: 'unknown', cause });
  });

  test('duplicate ids: one answer lists a package twice', async () => {
    const { api } = await start({ faults: { duplicateIds: 1 } });
    await api.submit(submissionOf());
    const outcome = await api.statusOf([packageIdOfClient('acme')]);
    expect(outcome.kind === 'listed' && outcome.packages.map(({ id }) => id)).toEqual([
      packageIdOfClient('acme'),
      packageIdOfClient('acme'),
    ]);
  });
});

describe('status reads and listings', () => {
  test('say the status of each package, and leave out what the API does not hold', async () => {
    const { api } = await start();
    await api.submit(submissionOf({ clientId: 'a|b/c+d=e:f@g' }));
    const id = packageIdOfClient('a|b/c+d=e:f@g');
    const outcome = await api.statusOf([id, packageIdOfClient('stranger')]);
    expect(outcome).toMatchObject({
      kind: 'listed',
      packages: [{ id, status: 'processed', revision: 1, submission: 1, processedRevision: 1 }],
    });
    expect(outcome.kind === 'listed' && outcome.packages).toHaveLength(1);
  });

  test('a period is listed whole, page by page, each package once', async () => {
    const { api } = await start();
    const ids: string[] = [];
    for (let index = 0; index < 1_100; index += 1) {
      const submission = submissionOf({ clientId: `client-${index}` });
      ids.push(submission.packageId);
      await api.submit(submission);
    }
    const listed: string[] = [];
    let pages = 0;
    let cursor: string | undefined;
    do {
      const page = await api.listPeriod(TEST_PERIOD, cursor);
      if (page.kind !== 'listed') throw new Error(page.kind);
      listed.push(...page.packages.map(({ id }) => id));
      cursor = page.nextCursor;
      pages += 1;
    } while (cursor !== undefined);
    expect(listed).toEqual(ids.sort());
    expect(pages).toBe(3);
  });

  test('another period is empty, and one that is none is invalid', async () => {
    const { api } = await start();
    expect(await api.listPeriod('2026-12-H2')).toMatchObject({ kind: 'listed', packages: [], nextCursor: undefined });
    expect(await api.listPeriod('December')).toMatchObject({ kind: 'invalid' });
  });

  test('no ids and more than 100 are refused before anything is sent', async () => {
    const { api, simulator } = await start();
    await expect(api.statusOf([])).rejects.toThrow(TooManyPackageIds);
    await expect(api.statusOf(Array.from({ length: 101 }, (_, index) => `p${index}`))).rejects.toThrow(
      'and this one 101',
    );
    expect(simulator.report().requests.total).toBe(0);
  });

  test('each report is judged by itself, and null is absent', async () => {
    const packages = [
      { id: 'a', status: 'done' },
      { id: 'b', status: 'processed', reason: null, revision: 1, submission: null },
      'c',
    ];
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], JSON.stringify({ packages, nextCursor: null })));
    expect(await api.statusOf(['a', 'b', 'c'])).toEqual({
      kind: 'listed',
      exchange: expect.anything(),
      packages: [{ id: 'b', status: 'processed', revision: 1 }],
      unreadable: [
        { id: 'a', reason: expect.stringMatching(/against the contract: \/status .*\("done"\)/) },
        { reason: expect.stringContaining('/packages/2/') },
      ],
    });
  });

  test('an answer that has no reports is unknown, with where it is wrong and what it says', async () => {
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], '{"message":"Try again after lunch"}'));
    expect(await api.statusOf(['a'])).toMatchObject({
      kind: 'unknown',
      cause: 'malformed-answer',
      reason: expect.stringMatching(/^HTTP 200, and .*\/packages .*; it says: Try again after lunch$/),
    });
  });

  test('an answer to another question is none', async () => {
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], '{"packages":[{"id":"x","status":"processed"}]}'));
    expect(await api.statusOf(['a'])).toMatchObject({
      cause: 'malformed-answer',
      reason: 'HTTP 200, and the answer is about "x", which was not asked for',
    });
  });

  test('an answer in pages says so, but for an empty cursor', async () => {
    const page = (nextCursor: string) => JSON.stringify({ packages: [], nextCursor });
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], page('2')));
    expect(await api.statusOf(['a'])).toMatchObject({ kind: 'listed', nextCursor: '2' });
    const last = await startRawAnswer(rawAnswer('200 OK', [], page('')));
    expect(await last.api.statusOf(['a'])).not.toHaveProperty('nextCursor');
    expect(await last.api.listPeriod(TEST_PERIOD)).toMatchObject({ kind: 'listed', nextCursor: undefined });
  });
});

describe('answers that mean the same for every request', () => {
  test.each([
    ['429 with seconds', '429 Too Many Requests', ['Retry-After: 30'], 'throttled', 30_000],
    ['bare 429', '429 Too Many Requests', [], 'throttled', undefined],
    ['429 with RateLimit', '429 Too Many Requests', ['RateLimit: "day";r=0;t=7200'], 'throttled', 7_200_000],
    [
      '503 with a date',
      '503 Service Unavailable',
      ['Date: Mon, 16 Nov 2026 12:00:00 GMT', 'Retry-After: Mon, 16 Nov 2026 12:02:00 GMT'],
      'throttled',
      120_000,
    ],
    ['400 with Retry-After', '400 Bad Request', ['Retry-After: 120'], 'throttled', 120_000],
    ['403 with Retry-After', '403 Forbidden', ['Retry-After: 5'], 'throttled', 5_000],
    [
      '403 with a spent window',
      '403 Forbidden',
      ['X-RateLimit-Remaining: 0', 'X-RateLimit-Reset: 60'],
      'throttled',
      60_000,
    ],
    [
      '500 with Retry-After, whose effect is unknown',
      '500 Internal Server Error',
      ['Retry-After: 60'],
      'unknown',
      60_000,
    ],
    ['429 with zero, which says nothing', '429 Too Many Requests', ['Retry-After: 0'], 'throttled', undefined],
  ])('%s', async (_what, status, headers, kind, retryAfterMilliseconds) => {
    const { api } = await startRawAnswer(rawAnswer(status, headers, ''));
    expect(await api.submit(submissionOf())).toMatchObject({ kind, retryAfterMilliseconds });
    expect(await api.statusOf(['a'])).toMatchObject({ kind, retryAfterMilliseconds });
  });

  test.each([
    ['404 Not Found', 'wrong-address'],
    ['405 Method Not Allowed', 'wrong-address'],
    ['410 Gone', 'wrong-address'],
    ['308 Permanent Redirect', 'wrong-address'],
    ['402 Payment Required', 'unexpected-status'],
    ['500 Internal Server Error', 'server-error'],
    ['504 Gateway Timeout', 'server-error'],
  ])('%s leaves the outcome unknown', async (status, cause) => {
    const { api, requests } = await startRawAnswer(rawAnswer(status, ['Location: http://127.0.0.1:9/'], ''));
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'unknown', cause });
    expect(requests).toHaveLength(1);
  });

  test.each([
    ['403 with a window that has room', '403 Forbidden', ['X-RateLimit-Reset: 60'], 'credentials-refused'],
    ['400 with Retry-After: 0', '400 Bad Request', ['Retry-After: 0'], 'invalid'],
    ['401 with Retry-After', '401 Unauthorized', ['Retry-After: 5'], 'credentials-refused'],
  ])('%s is not throttled', async (_what, status, headers, kind) => {
    const { api } = await startRawAnswer(rawAnswer(status, headers, ''));
    expect(await api.submit(submissionOf())).toMatchObject({ kind });
  });

  test.each([
    [
      'where a redirect leads',
      '308 Permanent Redirect',
      ['Location: https://elsewhere.example/v1'],
      '',
      'HTTP 308, Location: https://elsewhere.example/v1 (asked at http://',
    ],
    [
      'when to come back',
      '429 Too Many Requests',
      ['Retry-After: 9'],
      '{"error":"Slow down"}',
      'HTTP 429, Retry-After: 9: Slow down',
    ],
    [
      'what 422 may mean',
      '422 Unprocessable Content',
      [],
      '{"detail":[{"loc":["body","lines",0],"msg":"unknown meter","type":"value_error"}]}',
      'HTTP 422, key reused, or invalid: body/lines/0: unknown meter',
    ],
    [
      'an HTML page',
      '200 OK',
      [],
      '<!DOCTYPE html><html><head><title>Sign in</title><style>a{}</style></head><body>Session expired</body></html>',
      'HTTP 200, and the answer is not JSON: Sign in; Session expired',
    ],
    [
      'an error under 200',
      '200 OK',
      [],
      '{"success":false,"errors":[{"code":"LOCKED","message":"Customer 4711 is locked"}]}',
      'it says: Customer 4711 is locked',
    ],
  ])('the reason tells %s', async (_what, status, headers, body, reason) => {
    const { api } = await startRawAnswer(rawAnswer(status, headers, body));
    const outcome = await api.submit(submissionOf());
    expect('reason' in outcome && outcome.reason).toContain(reason);
  });

  test('an answer that is no HTTP is unknown', async () => {
    const { api } = await startRawAnswer('220 mail.example.com ESMTP\r\n');
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'unknown', cause: 'malformed-answer' });
  });

  test('an answer without end is not read to its end', async () => {
    const { api } = await startRawAnswer(rawAnswer('200 OK', [], 'x'.repeat(5_000)), { maximumAnswerBytes: 1_000 });
    expect(await api.statusOf(['a'])).toMatchObject({
      kind: 'unknown',
      cause: 'malformed-answer',
      reason: 'the answer is longer than 1000 bytes',
    });
  });

  /** An API that gives this body with these headers. */
  async function startBody(
    body: Buffer,
    headers: Record<string, string>,
    adapter: Partial<HttpInvoiceApiOptions> = {},
  ) {
    const server = await startHttpServer((_request, _body, response) => {
      response.writeHead(202, { 'content-type': 'application/json', 'content-length': body.length, ...headers });
      response.end(body);
    });
    const api = httpInvoiceApi({
      baseUrl: server.url,
      token: async () => TEST_TOKEN,
      timeoutMilliseconds: 30_000,
      maximumConnections: 1,
      ...adapter,
    });
    started.push(server, { stop: async () => api.close() });
    return api;
  }

  const accepted = Buffer.from(JSON.stringify({ id: packageIdOfClient('acme'), status: 'processed' }));

  test.each([
    ['gzip', gzipSync(accepted), 'gzip'],
    ['x-gzip', gzipSync(accepted), 'X-GZIP'],
    ['deflate', deflateSync(accepted), 'deflate'],
    ['deflate without its frame', deflateRawSync(accepted), 'deflate'],
    ['br', brotliCompressSync(accepted), 'br'],
    ['two codings', brotliCompressSync(gzipSync(accepted)), 'gzip, br'],
    ['a byte order mark', Buffer.concat([Buffer.from('\ufeff'), accepted]), 'identity'],
  ])('%s is read', async (_what, body, coding) => {
    const api = await startBody(body, { 'content-encoding': coding });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', status: 'processed' });
  });

  test.each([
    ['a bomb', gzipSync(Buffer.alloc(50_000_000)), 'gzip', 'longer than 1000000 bytes'],
    ['a brotli bomb', brotliCompressSync(Buffer.alloc(5_000_000)), 'br', 'longer than 1000000 bytes'],
    ['a cut one', gzipSync(accepted).subarray(0, 30), 'gzip', 'gzip coding is damaged or cut short'],
    ['what is no gzip', accepted, 'gzip', 'gzip coding is damaged'],
    ['a coding that was not asked for', accepted, 'zstd', 'is in the coding "zstd", which is not read'],
    ['many codings', accepted, 'gzip, gzip, gzip', 'has 3 codings over each other'],
  ])('%s is unknown, with the reason', async (_what, body, coding, reason) => {
    const api = await startBody(body, { 'content-encoding': coding }, { maximumAnswerBytes: 1_000_000 });
    expect(await api.submit(submissionOf())).toMatchObject({
      kind: 'unknown',
      cause: 'malformed-answer',
      reason: expect.stringContaining(reason),
    });
  });

  test('an API that is not there is unknown, with the reason', async () => {
    const api = httpInvoiceApi({
      baseUrl: `http://127.0.0.1:${await freePort()}`,
      token: async () => TEST_TOKEN,
      timeoutMilliseconds: 5_000,
      maximumConnections: 1,
    });
    const outcome = await api.submit(submissionOf());
    expect(outcome).toMatchObject({ kind: 'unknown', cause: 'connection', reason: 'ECONNREFUSED' });
    expect(outcome.exchange).not.toHaveProperty('httpStatus');
  });
});

describe('the token', () => {
  test('a refused one is told to the provider, so that a rotation goes on by itself', async () => {
    const asked: (string | undefined)[] = [];
    const provided = ['old-token-000000', 'new-token-000000', 'new-token-000000'];
    const { api } = await start(
      { token: 'new-token-000000' },
      {
        async token(refused) {
          asked.push(refused);
          return provided[asked.length - 1] ?? '';
        },
      },
    );
    expect(await api.submit(submissionOf())).toMatchObject({
      kind: 'credentials-refused',
      exchange: { httpStatus: 401 },
    });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: false });
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted' });
    expect(asked).toEqual([undefined, 'old-token-000000', undefined]);
  });

  test('is in no outcome, however often and wherever the API echoes it', async () => {
    const escaped = TEST_TOKEN.replace('t', '\\u0074');
    const detail = `unknown token ${TEST_TOKEN}, Bearer ${TEST_TOKEN}, ${escaped} ${'x'.repeat(1_900)}${TEST_TOKEN}`;
    const { api } = await startRawAnswer(
      rawAnswer('401 Unauthorized', [`X-Request-Id: ${TEST_TOKEN}`], `{"detail":"${detail}"}`),
    );
    const outcome = await api.submit(submissionOf());
    expect(outcome).toMatchObject({
      kind: 'credentials-refused',
      reason: expect.stringContaining('HTTP 401: unknown token [token], Bearer [token], [token] xxx'),
      exchange: { requestId: '[token]' },
    });
    expect(JSON.stringify(outcome)).not.toContain(TEST_TOKEN.slice(0, 8));
    const listing = JSON.stringify({ packages: [{ id: 'a', status: 'rejected', reason: `sent with ${TEST_TOKEN}` }] });
    const { api: other } = await startRawAnswer(rawAnswer('200 OK', [], listing));
    expect(await other.statusOf(['a'])).toMatchObject({ packages: [{ reason: 'sent with [token]' }] });
  });

  test('that was refused is not trusted again because an earlier request succeeded with it', async () => {
    let valid = 'old-token-000000';
    let secret = valid;
    let kept: string | undefined;
    let release: (() => void) | undefined;
    const server = await startHttpServer((request, body, response) => {
      const id = JSON.parse(body).packageId;
      const answer = (status: number) => response.writeHead(status).end(JSON.stringify({ id, status: 'processed' }));
      if (request.headers.authorization !== `Bearer ${valid}`) answer(401);
      else if (id === packageIdOfClient('slow')) release = () => answer(202);
      else answer(202);
    });
    const api = httpInvoiceApi({
      baseUrl: server.url,
      // As a provider that caches: read anew only when told that what it has was refused.
      token: async (refused) => {
        if (kept === undefined || kept === refused) kept = secret;
        return kept;
      },
      timeoutMilliseconds: 30_000,
      maximumConnections: 4,
    });
    started.push(server, { stop: async () => api.close() });
    const slow = api.submit(submissionOf({ clientId: 'slow' }));
    await until(() => release !== undefined);
    valid = 'new-token-000000';
    secret = valid;

    expect(await api.submit(submissionOf({ clientId: 'b' }))).toMatchObject({ kind: 'credentials-refused' });
    release?.();
    expect(await slow).toMatchObject({ kind: 'accepted' });

    expect(await api.submit(submissionOf({ clientId: 'b' }))).toMatchObject({ kind: 'accepted' });
  });

  test('one that could forge a header stops everything, unquoted', async () => {
    const { api, simulator } = await start({}, { token: async () => 'secret-1234567\r\nx-evil: 1' });
    const refused = api.submit(submissionOf());
    await expect(refused).rejects.toThrow(InvoiceApiMisconfigured);
    await expect(refused).rejects.not.toThrow('secret-1234567');
    expect(simulator.report().requests.total).toBe(0);
  });
});

describe('connections', () => {
  /** An API that answers every read with nothing, and counts its connections. */
  async function startCounting(adapter: Partial<HttpInvoiceApiOptions>) {
    const sockets: Socket[] = [];
    const server = createServer((request, response) => {
      request.resume();
      response.end('{"packages":[]}');
    });
    server.on('connection', (socket) => sockets.push(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const api = httpInvoiceApi({
      baseUrl: `http://127.0.0.1:${port}`,
      token: async () => TEST_TOKEN,
      timeoutMilliseconds: 10_000,
      maximumConnections: 3,
      ...adapter,
    });
    started.push({
      async stop() {
        api.close();
        server.closeAllConnections();
        server.close();
      },
    });
    return { api, sockets };
  }

  test('are kept between requests, and never more than the cap', async () => {
    const { api, sockets } = await startCounting({ maximumConnections: 3, idleMilliseconds: 60_000 });
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => api.statusOf(['a'])));
    expect(outcomes.every(({ kind }) => kind === 'listed')).toBe(true);
    await api.statusOf(['a']);
    expect(sockets).toHaveLength(3);
  });

  test('tell when a request has left: over a kept one, once the token is there; over a new one its answer must do', async () => {
    const told: string[] = [];
    const token = async (): Promise<string> => {
      told.push('token');
      return TEST_TOKEN;
    };
    const { api } = await startCounting({ maximumConnections: 1, token });
    const onLeft = () => told.push('left');
    for (const call of ['first', 'second']) {
      told.push(call);
      await api.statusOf(['a'], { onLeft });
      told.push('answered');
    }
    await until(() => told.includes('left'));
    expect(told.slice(0, 5)).toEqual(['first', 'token', 'answered', 'second', 'token']);
    expect(told.slice(5).toSorted()).toEqual(['answered', 'left']);
  });

  test('are not opened for a token that comes after the time-out', async () => {
    const { api, sockets } = await startCounting({
      timeoutMilliseconds: 20,
      token: async () => {
        await new Promise((resolve) => AbortSignal.timeout(20).addEventListener('abort', resolve));
        return TEST_TOKEN;
      },
    });
    expect(await api.statusOf(['a'])).toMatchObject({ kind: 'unknown', cause: 'time-out' });
    expect(sockets).toHaveLength(0);
  });

  test('on which a server says more than it was asked are given up: no answer is taken for another one', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        const id = /"packageId":"([^"]+)"/.exec(String(chunk))?.[1];
        if (id === undefined) return;
        const body = JSON.stringify({ id, status: 'processed' });
        const answer = `HTTP/1.1 202 Accepted\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        socket.write(answer);
        setImmediate(() => socket.write(answer));
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const api = httpInvoiceApi({
      baseUrl: `http://127.0.0.1:${port}`,
      token: async () => TEST_TOKEN,
      timeoutMilliseconds: 30_000,
      maximumConnections: 2,
    });
    started.push({
      async stop() {
        api.close();
        server.close();
      },
    });
    const clients = Array.from({ length: 100 }, (_, index) => `client-${index}`);
    const outcomes = await Promise.all(clients.map((clientId) => api.submit(submissionOf({ clientId }))));
    const told = outcomes.map(
      (outcome, index) => outcome.kind === 'accepted' && outcome.id === packageIdOfClient(`client-${index}`),
    );
    // Whatever came late, nobody else's answer was believed, and nearly every connection was given up in time.
    for (const outcome of outcomes) if (outcome.kind !== 'accepted') expect(outcome).toMatchObject({ kind: 'unknown' });
    expect(told.filter(Boolean).length).toBeGreaterThan(50);
  });

  test('are closed on close', async () => {
    const { api, sockets } = await startCounting({});
    await api.statusOf(['a']);
    const closed = Promise.all(sockets.map((socket) => once(socket, 'close')));
    api.close();
    await closed;
    expect(sockets).toHaveLength(1);
  });

  test('that nobody used for too long are not used again', async () => {
    const { api, sockets } = await startCounting({ idleMilliseconds: -1 });
    await api.statusOf(['a']);
    expect((await api.statusOf(['a'])).kind).toBe('listed');
    expect(sockets).toHaveLength(2);
  });
});

test.each(['http://127.0.0.1:8080', 'http://localhost', 'http://[::1]:8080/base', 'https://invoices.example.com'])(
  'the base URL %s is fine',
  (baseUrl) => {
    const options = { baseUrl, token: async () => TEST_TOKEN, timeoutMilliseconds: 1, maximumConnections: 1 };
    expect(() => httpInvoiceApi(options).close()).not.toThrow();
  },
);

test.each([
  ['invoices.example.com', 'is not a URL'],
  ['ftp://invoices.example.com', 'begins with ftp:'],
  ['http://invoices.example.com', 'begins with http:'],
  ['http://127.0.0.1.example.com', 'begins with http:'],
  ['http://10.0.0.7', 'begins with http:'],
  ['https://user:pw@invoices.example.com', 'carries credentials'],
  ['https://invoices.example.com/?tenant=1', 'carries a query'],
])('the base URL %s is refused', (baseUrl, reason) => {
  const options = { baseUrl, token: async () => TEST_TOKEN, timeoutMilliseconds: 1, maximumConnections: 1 };
  expect(() => httpInvoiceApi(options)).toThrow(reason);
});
