import { afterEach, expect, test } from '@jest/globals';
import { httpInvoiceApi } from '../../../lib/invoice-api/http-invoice-api.ts';
import { InvoiceApiNotThere } from '../../../lib/sending/errors.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { startDrivenSending } from '../../fixtures/driven-sending.ts';
import { startHttpServer } from '../../fixtures/http-server.ts';
import { TEST_PERIOD, TEST_TOKEN } from '../../fixtures/invoice-api.ts';
import { makePackages, sendingOn, type TestSending, testRun } from '../../fixtures/sending.ts';
import { startTestTables } from '../../fixtures/tables.ts';

const started: { stop(): Promise<void> | void }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

/** Packages, and an API that answers each submission as it is told. */
async function startSending(answer: (submission: { packageId: string }) => { status: number; body: string }) {
  const tables = await startTestTables();
  const server = await startHttpServer((_request, body, response) => {
    const { status, body: text } = answer(JSON.parse(body));
    response.writeHead(status, { location: 'https://invoices.example.com/v2/packages' }).end(text);
  });
  const api = httpInvoiceApi({
    baseUrl: server.url,
    token: async () => TEST_TOKEN,
    timeoutMilliseconds: 30_000,
    maximumConnections: 2,
  });
  started.push({ stop: () => api.close() }, server, tables);
  await makePackages(tables, 20);
  const sending = sendingOn(tables, api, { maximumConcurrency: 2 });
  const send = async () => takeTurn({ run: testRun(), chunk: '0-15' }, sending);
  return { sending, send, url: server.url };
}

const packageOf = (clientId: string, { packages }: Pick<TestSending, 'packages'>) =>
  packages.loadHead(TEST_PERIOD, clientId, 1);

test.each([404, 405, 410, 308])(
  'an address at which everything is %d stops the run at once, and no package fails',
  async (status) => {
    const { sending, send, url } = await startSending(() => ({ status, body: '' }));

    const stopped = send();

    await expect(stopped).rejects.toThrow(InvoiceApiNotThere);
    await expect(stopped).rejects.toThrow(`HTTP ${status}`);
    await expect(stopped).rejects.toThrow(`${url}/v1/packages`);
    for (let client = 1; client <= 20; client++) {
      const head = await packageOf(`client-${String(client).padStart(4, '0')}`, sending);
      expect(head).toMatchObject({ state: 'ready' });
    }
  },
);

test('an address that turns out to be wrong only after an outage stops the run too', async () => {
  let requests = 0;
  const world = await startDrivenSending(20, {
    submitted(_submission, reply) {
      requests += 1;
      reply(requests <= 12 ? 500 : 404, {});
    },
  });
  started.push(world);

  expect(await world.drive(24)).toBe('InvoiceApiNotThere');
  expect(await world.states()).toEqual({ ready: 20 });
});

test('404 for some packages is about these packages, once the API has answered for another', async () => {
  const processed = (id: string) => ({ status: 202, body: JSON.stringify({ id, status: 'processed' }) });
  const { sending, send } = await startSending(({ packageId }) =>
    /client-00[01][0-5]/.test(packageId) ? { status: 404, body: '{"error":"no such customer"}' } : processed(packageId),
  );
  await sending.calendar.change((calendar) => ({ calendar: { ...calendar, answeredAt: Date.now() } }));

  await send();

  expect(await packageOf('client-0017', sending)).toMatchObject({ state: 'processed' });
});
