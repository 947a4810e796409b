import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, test } from '@jest/globals';
import { httpInvoiceApi } from '../../../lib/invoice-api/http-invoice-api.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { startHttpServer } from '../../fixtures/http-server.ts';
import { startTestInvoiceApi, TEST_TOKEN } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

// A shared machine may take as long to deliver a request as a window of a second tolerates.
const WINDOW = { requests: 10, seconds: 3 };
const QUOTA = { send: [WINDOW], status: [], shared: [] };

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

async function tablesWith(packages: number): Promise<TestTables> {
  const tables = await startTestTables();
  started.push(tables);
  await makePackages(tables, packages);
  return tables;
}

test('requests that wait for the token count from when they leave, so that they do not meet those of the next window', async () => {
  const tables = await tablesWith(40);
  let readings = 0;
  const token = async (): Promise<string> => {
    // As when a kept token has grown old: all that ask at the same time wait for one reading.
    readings += 1;
    if (readings > 10 && readings <= 20) await sleep(500);
    return TEST_TOKEN;
  };
  const invoiceApi = await startTestInvoiceApi({ profile: 'perfect', quota: QUOTA }, { token });
  started.push(invoiceApi);
  const sending = sendingOn(tables, invoiceApi.api, { quota: QUOTA });

  const sent = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(sent).toMatchObject({ done: true, settled: 40 });
  expect(invoiceApi.simulator.report()).toMatchObject({ violations: 0, requests: { total: 40 } });
}, 60_000);

test('a server that hangs up after each answer sees no window exceeded', async () => {
  const tables = await tablesWith(30);
  const arrivals: number[] = [];
  const server = await startHttpServer(
    (_request, body, response) => {
      // What the adapter sent, so it has a package's id.
      const { packageId } = JSON.parse(body) as { packageId: string };
      response.writeHead(202, { 'content-type': 'application/json', connection: 'close' });
      response.end(JSON.stringify({ id: packageId, status: 'processed' }));
    },
    () => arrivals.push(performance.now()),
  );
  const api = httpInvoiceApi({
    baseUrl: server.url,
    token: async () => TEST_TOKEN,
    timeoutMilliseconds: 10_000,
    maximumConnections: 10,
  });
  started.push(server, { stop: async () => api.close() });
  const sending = sendingOn(tables, api, { quota: QUOTA });

  const sent = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

  expect(sent).toMatchObject({ done: true, settled: 30 });
  expect(arrivals).toHaveLength(30);
  const tooSoon = arrivals.filter(
    (at, index) => at - (arrivals[index - WINDOW.requests] ?? -1e9) < WINDOW.seconds * 1000,
  );
  expect(tooSoon).toEqual([]);
}, 60_000);
