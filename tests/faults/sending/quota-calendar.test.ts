import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { bookTurn, openTurn } from '../../../lib/quota/calendar.ts';
import { QuotaCalendarStore } from '../../../lib/store/quota-calendar-store.ts';
import { type Fault, FaultyClient } from '../../fixtures/faulty-client.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const NOW = 1_800_000_000_000;
const MOMENT = { quota: { send: [{ requests: 5, seconds: 1 }], status: [], shared: [] }, now: NOW, clock: 'a' };
const LIMITS = { longest: 300_000, requestTimeout: 30_000 };
const REQUEST = { id: 'run-1/send/0-15', kind: 'send', requests: 10 } as const;

let tables: TestTables;
beforeEach(async () => {
  tables = await startTestTables();
});
afterEach(async () => {
  await tables.stop();
});

/** A store whose n-th request suffers the n-th fault. */
function storeWith(faults: (Fault | undefined)[]): QuotaCalendarStore {
  const faulty = new FaultyClient(tables.endpoint);
  faulty.restart({ next: () => ({ fault: faults.shift(), delay: 0 }) });
  return new QuotaCalendarStore({ ...tables, client: faulty.client }, 'invoice-api');
}

test('a turn whose write was sent twice, as the first answer was lost, is ours, and nobody waits for it to expire', async () => {
  const reading = undefined;
  const calendar = storeWith([reading, 'repeated']);
  let changes = 0;

  const opened = await calendar.change((current) => {
    changes += 1;
    return openTurn(current, REQUEST, MOMENT, LIMITS);
  });

  expect(opened).toHaveProperty('turn.id', REQUEST.id);
  expect(changes).toBe(1);
  expect((await calendar.load()).open).toMatchObject({ id: REQUEST.id, openedAt: NOW });
});

test('it is ours also when others have written since', async () => {
  const calm = storeWith([]);
  const { client } = new FaultyClient(tables.endpoint);
  client.middlewareStack.add(
    (next, { commandName = '' }) =>
      async (args) => {
        if (!commandName.startsWith('Put')) return next(args);
        await next(args);
        await calm.change((current) => bookTurn(current, { ...REQUEST, id: 'another' }, MOMENT));
        return next(args);
      },
    { step: 'initialize', name: 'repeated after another', priority: 'low' },
  );
  const calendar = new QuotaCalendarStore({ ...tables, client: client }, 'invoice-api');

  const opened = await calendar.change((current) => openTurn(current, REQUEST, MOMENT, LIMITS));

  expect(opened).toHaveProperty('turn.id', REQUEST.id);
  expect(await calm.load()).toMatchObject({ open: { id: REQUEST.id }, booked: [{ id: 'another' }] });
});

test('a write that lost against another is made anew on what the other wrote', async () => {
  const calm = storeWith([]);
  const calendar = storeWith([undefined, 'refused']);

  await calm.change((current) => bookTurn(current, { ...REQUEST, id: 'another' }, MOMENT));
  const { startsAt } = await calendar.change((current) => bookTurn(current, REQUEST, MOMENT));

  expect(startsAt).toBeGreaterThan(NOW);
  expect((await calm.load()).booked.map(({ id }) => id)).toEqual(['another', REQUEST.id]);
});
