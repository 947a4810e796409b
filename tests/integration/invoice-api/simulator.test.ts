import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { InvoiceApi, SubmitOutcome } from '../../../lib/invoice-api/invoice-api.ts';
import { bodyOf, contentOf, documentText } from '../../../lib/packages/document.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import type { ProfileName } from '../../../local/invoice-api-simulator/profiles.ts';
import type { SimulatorOptions } from '../../../local/invoice-api-simulator/simulator.ts';
import {
  packageIdOfClient,
  startTestInvoiceApi,
  submissionOf,
  TEST_PERIOD,
  type TestInvoiceApi,
  until,
} from '../../fixtures/invoice-api.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

async function start(options?: Partial<SimulatorOptions>, adapter?: object): Promise<TestInvoiceApi> {
  const invoiceApi = await startTestInvoiceApi(options, adapter);
  started.push(invoiceApi);
  return invoiceApi;
}

async function statusOf(api: InvoiceApi, clientId: string): Promise<string | undefined> {
  const outcome = await api.statusOf([packageIdOfClient(clientId)]);
  if (outcome.kind !== 'listed') throw new Error(`status read ended ${outcome.kind}`);
  return outcome.packages[0]?.status;
}

const untilStatus = (api: InvoiceApi, clientId: string, status: string): Promise<void> =>
  until(async () => (await statusOf(api, clientId)) === status);

describe('idempotency', () => {
  const arrival = fc.record({
    clientId: fc.constantFrom('a', 'b', 'c'),
    submission: fc.constantFrom(1, 2),
    quantity: fc.constantFrom('1', '2.5'),
  });

  test('a key means its first body for ever: the same is answered the same, another is refused and changes nothing', async () => {
    const { api, simulator } = await start();
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(arrival, { maxLength: 25 }), async (arrivals) => {
        run += 1;
        const first = new Map<string, { quantity: string; outcome: SubmitOutcome }>();
        for (const { clientId, submission, quantity } of arrivals) {
          const request = submissionOf({ clientId: `${clientId}-${run}`, submission, quantity });
          const outcome = await api.submit(request);
          const known = first.get(request.idempotencyKey);
          if (!known) {
            expect(outcome).toMatchObject({ kind: 'accepted', replayed: false });
            first.set(request.idempotencyKey, { quantity, outcome });
          } else if (known.quantity === quantity) {
            expect(outcome).toEqual({ ...known.outcome, replayed: true, exchange: expect.anything() });
          } else {
            expect(outcome.kind).toBe('key-reused');
          }
        }
        for (const clientId of new Set(arrivals.map((each) => each.clientId))) {
          const latest = first.get(submissionOf({ clientId: `${clientId}-${run}`, submission: 2 }).idempotencyKey);
          const earlier = first.get(submissionOf({ clientId: `${clientId}-${run}`, submission: 1 }).idempotencyKey);
          const totals = simulator.totalsByClient()[`${TEST_PERIOD} ${clientId}-${run}`];
          expect(totals).toEqual({ api_calls: (latest ?? earlier)?.quantity });
        }
      }),
      { numRuns: 25 },
    );
  });

  test('of many requests with one key at once, one is taken and the others are in flight', async () => {
    const { api, simulator } = await start({ profile: 'concurrency-erp', concurrency: null, timeScale: 0.2 });
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => api.submit(submissionOf())));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['accepted', ...Array(7).fill('in-flight')]);
    expect(simulator.report()).toMatchObject({ packages: { total: 1 }, acceptedTwice: 0 });
  });

  test('a second key for a revision that may still be processed is counted as accepted twice', async () => {
    const { api, simulator } = await start();
    await api.submit(submissionOf({ submission: 1 }));
    await api.submit(submissionOf({ submission: 2 }));
    expect(simulator.report().acceptedTwice).toBe(1);
  });

  test('a second key after `unprocessed` is not', async () => {
    const { api, simulator } = await start({
      profile: 'demo',
      timeScale: 50,
      faults: { unprocessed: 1, unavailable: 0, timeoutAfterCommit: 0 },
    });
    await api.submit(submissionOf({ submission: 1 }));
    await untilStatus(api, 'acme', 'unprocessed');
    await api.submit(submissionOf({ submission: 2 }));
    await untilStatus(api, 'acme', 'processed');
    expect(simulator.report()).toMatchObject({ acceptedTwice: 0, packages: { processed: 1, unprocessed: 0 } });
  });

  test('a later revision replaces the earlier in the totals, and the report tells which was processed', async () => {
    const { api, simulator } = await start();
    await api.submit(submissionOf({ revision: 1, quantity: '0.1' }));
    await api.submit(submissionOf({ clientId: 'other', quantity: '0.2' }));
    await api.submit(submissionOf({ revision: 2, quantity: '12345678901234567890.123456789' }));
    expect(simulator.report()).toMatchObject({
      acceptedTwice: 0,
      totals: { [TEST_PERIOD]: { api_calls: '12345678901234567890.323456789' } },
    });
    expect(await api.statusOf([packageIdOfClient('acme')])).toMatchObject({
      packages: [{ revision: 2, processedRevision: 2 }],
    });
  });
});

describe('fates', () => {
  test('a rejected package says why', async () => {
    const { api } = await start({ faults: { lateRejection: 1 } });
    await api.submit(submissionOf());
    expect(await api.statusOf([packageIdOfClient('acme')])).toMatchObject({
      packages: [{ status: 'rejected', reason: 'the recipient is not registered for invoices', processedRevision: 0 }],
    });
  });

  test('a stuck package stays in processing until it is sent again', async () => {
    const { api, simulator } = await start({ faults: { stuckProcessing: 1 } });
    await api.submit(submissionOf());
    expect(await statusOf(api, 'acme')).toBe('processing');
    expect(simulator.report().totals).toEqual({});
    expect(await api.submit(submissionOf())).toMatchObject({ kind: 'accepted', replayed: true });
    expect(await statusOf(api, 'acme')).toBe('processed');
  });

  test('a lost package is listed nowhere until it is sent again', async () => {
    const { api, simulator } = await start({ faults: { lostStatus: 1 } });
    await api.submit(submissionOf());
    expect(await statusOf(api, 'acme')).toBeUndefined();
    expect(await api.listPeriod(TEST_PERIOD)).toMatchObject({ packages: [] });
    expect(simulator.report().packages).toMatchObject({ lost: 1, processed: 0 });
    await api.submit(submissionOf());
    expect(await statusOf(api, 'acme')).toBe('processed');
    expect(simulator.report()).toMatchObject({ acceptedTwice: 0, packages: { lost: 0, processed: 1 } });
  });

  test('depend on the seed and the names alone, not on the order of arrival', async () => {
    const faults = { invalid: 0.2, lateRejection: 0.2, lostStatus: 0.1, stuckProcessing: 0.1, serverError: 0.2 };
    const clients = Array.from({ length: 60 }, (_, index) => `client-${index}`);
    const fates = async (seed: number, order: string[]): Promise<Record<string, unknown>> => {
      const { api } = await start({ seed, faults });
      const outcomes = await Promise.all(
        order.map(async (clientId) => [clientId, (await api.submit(submissionOf({ clientId }))).kind]),
      );
      const statuses = await Promise.all(
        order.map(async (clientId) => {
          for (;;) {
            const outcome = await api.statusOf([packageIdOfClient(clientId)]);
            if (outcome.kind === 'listed') return [`${clientId} status`, outcome.packages[0]?.status];
          }
        }),
      );
      return Object.fromEntries([...outcomes, ...statuses]);
    };
    const forwards = await fates(11, clients);
    expect(await fates(11, [...clients].reverse())).toEqual(forwards);
    expect(await fates(12, clients)).not.toEqual(forwards);
  });
});

describe('quotas', () => {
  test.each<[ProfileName, number, string, number]>([
    ['demo', 50, 'shared 50/1', 60],
    ['tenant-daily', 60, 'shared 60/60', 70],
    ['per-second', 25, 'send 25/1', 30],
    ['blunt-penalty', 10, 'shared 10/1', 15],
    ['clearance', 10, 'send 10/1', 15],
  ])(
    '%s lets %i through and counts each further one as a violation of %s',
    async (profile, allowed, window, requests) => {
      // Slowed down, so that even on a busy machine all arrive within one second of the API's time.
      const { simulator, api } = await start(
        { profile, concurrency: null, timeScale: 0.1 },
        { maximumConnections: 100 },
      );
      const underWay = Array.from({ length: requests }, (_, index) =>
        api.submit(submissionOf({ clientId: `client-${index}` })),
      );
      await until(() => simulator.report().requests.total === requests);
      const report = simulator.report();
      await simulator.stop();
      const throttled = (await Promise.all(underWay)).filter(({ exchange }) => exchange.httpStatus === 429);

      expect(report).toMatchObject({ violations: requests - allowed, throttled: requests - allowed });
      expect(report.violationsByWindow[window]).toBeGreaterThan(0);
      expect(throttled).toHaveLength(requests - allowed);
    },
  );

  test('status reads spend their own windows and the shared ones', async () => {
    const { simulator, api } = await start({
      quota: { send: [{ requests: 1, seconds: 60 }], status: [{ requests: 2, seconds: 60 }] },
    });
    await api.submit(submissionOf());
    await statusOf(api, 'acme');
    await statusOf(api, 'acme');
    expect((await api.submit(submissionOf())).kind).toBe('throttled');
    expect((await api.statusOf(['a'])).kind).toBe('throttled');
    expect(simulator.report().violationsByWindow).toEqual({ 'send 1/60': 1, 'status 2/60': 1 });
  });

  test('the cap counts requests at one time, and throttles with 429 and 400 alike', async () => {
    const { simulator, api } = await start({ profile: 'concurrency-erp', timeScale: 0.2 });
    const burst = await Promise.all(
      Array.from({ length: 9 }, (_, index) => api.submit(submissionOf({ clientId: `client-${index}` }))),
    );
    const refused = burst.filter(({ kind }) => kind === 'throttled');
    expect(refused.map(({ exchange }) => exchange.httpStatus).sort()).toEqual([400, 400, 429, 429]);
    expect(refused[0]).toMatchObject({ retryAfterMilliseconds: 600_000 });
    expect(simulator.report()).toMatchObject({ violations: 4, violationsByWindow: { concurrency: 4 } });
  });

  test('five at a time, each after another answer, never break a cap of five', async () => {
    const { simulator, api } = await start(
      { profile: 'concurrency-erp', timeScale: 20, faults: { slowBody: 0.1 } },
      { maximumConnections: 5, timeoutMilliseconds: 100 },
    );
    let next = 0;
    const worker = async (): Promise<void> => {
      while (next < 100) {
        next += 1;
        await api.submit(submissionOf({ clientId: `client-${next}` }));
      }
    };
    await Promise.all(Array.from({ length: 5 }, worker));
    // On a busy machine some end by their time-out before they have left.
    expect(simulator.report()).toMatchObject({ violations: 0, packages: { total: expect.any(Number) } });
    expect(simulator.report().packages.total).toBeGreaterThan(10);
  });
});

describe('scaled time', () => {
  test('an hour of processing and a window of an hour pass in the blink of an eye, in the same order', async () => {
    const scale = 3_600 * 5;
    const { simulator, api } = await start({
      profile: 'clearance',
      timeScale: scale,
      quota: { send: [{ requests: 1, seconds: 3_600 }] },
      faults: { unprocessed: 0, lateRejection: 0, duplicateRejection: 0 },
    });
    await api.submit(submissionOf());
    let outcome = await api.submit(submissionOf({ clientId: 'next' }));
    while (outcome.kind === 'throttled') {
      await new Promise((resolve) => setTimeout(resolve, 250));
      outcome = await api.submit(submissionOf({ clientId: 'next' }));
    }
    expect(outcome.kind).toBe('accepted');
    expect(await statusOf(api, 'acme')).toBe('processed');
    expect(simulator.report().timeScale).toBe(scale);
  });

  test("Retry-After is in the caller's own seconds: rounded up, or exact if asked for", async () => {
    const quota = { shared: [{ requests: 1, seconds: 60 }] };
    const waits: (number | undefined)[] = [];
    for (const decimalRetryAfter of [false, true]) {
      const { api } = await start({ timeScale: 40, quota, decimalRetryAfter });
      await api.submit(submissionOf());
      const outcome = await api.submit(submissionOf());
      if (outcome.kind === 'throttled') waits.push(outcome.retryAfterMilliseconds);
    }
    expect(waits[0]).toBe(2_000);
    expect(waits[1]).toBeLessThanOrEqual(1_500);
    expect(waits[1]).toBeGreaterThan(0);
  });
});

test('the body that packaging makes is a body that the contract allows', async () => {
  const { api } = await start();
  const day = '2026-11-03';
  const lines = [{ meter: 'api_calls', quantity: '-2', days: [{ day, quantity: '-2' }] }];
  const content = contentOf('acme', periodOf(TEST_PERIOD), 'Europe/Rome', lines, { number: 1, of: 1 });
  const id = packageIdOfClient('acme');
  const first = bodyOf(documentText(content, 1, 3), 1);
  const correction = bodyOf(documentText(content, 2, 3, { sinceRevision: 1, lines }), 4);
  expect(await api.submit({ idempotencyKey: `${id}.r1.s1`, body: first })).toMatchObject({ kind: 'accepted' });
  expect(await api.submit({ idempotencyKey: `${id}.r2.s4`, body: correction })).toMatchObject({ kind: 'accepted' });
});

test('the report is there over HTTP, with the clients if asked for', async () => {
  const { simulator, api } = await start();
  await api.submit(submissionOf());
  const response = await fetch(`${simulator.url}/simulator/report?clients=true`);
  expect(await response.json()).toEqual({
    ...simulator.report(),
    clients: { [`${TEST_PERIOD} acme`]: { api_calls: '12.5' } },
  });
});

test('a taken port is named', async () => {
  const { simulator } = await start();
  const port = Number(new URL(simulator.url).port);
  await expect(startTestInvoiceApi({ port })).rejects.toThrow(`127.0.0.1:${port}; is the port taken?`);
});

describe('the command', () => {
  const command = (...options: string[]) =>
    spawn(process.execPath, ['local/invoice-api-simulator/main.ts', ...options], { stdio: ['ignore', 'pipe', 'pipe'] });

  test('serves until it is interrupted, and ends with its report', async () => {
    const child = command('--api-profile', 'demo', '--quota', '5/1', '--fault', 'slowBody=0.5');
    const exited = once(child, 'exit');
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    await once(child.stdout, 'data');
    const [url] = /http:\/\/127\.0\.0\.1:\d+/.exec(output) ?? [];
    expect((await fetch(`${url}/simulator/report`)).status).toBe(200);
    child.kill('SIGINT');
    const [code] = await exited;
    expect(code).toBe(0);
    expect(output).toContain('"profile": "demo"');
  });

  test.each([
    [['--api-profile', 'nobody'], 'There is no profile "nobody"'],
    [['--quota', 'many'], '"many" is no quota window; write requests/seconds'],
    [['--fault', 'gremlins=1'], 'write NAME=SHARE'],
    [['--time-scale', 'fast'], '"fast" is no number'],
  ])('%s is refused with what to do', async (options, message) => {
    const child = command(...options);
    let errors = '';
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    const [code] = await once(child, 'close');
    expect(code).toBe(2);
    expect(errors).toContain(message);
  });
});
