import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { acceptanceWindowAt } from '../../lib/events/consumption-event.ts';
import { type Correction, correctionOfDay, correctionOfEvent, correctionText } from '../../lib/events/correction.ts';
import { readMessage } from '../../lib/events/message.ts';
import type { PackageDocument } from '../../lib/packages/document.ts';
import { type CorrectedPackage, previewCorrections } from '../../lib/runs/preview-correction.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { bucketOf, usageSliceKey } from '../../lib/store/keys.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import { createCounter } from '../fixtures/counting.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

const PERIOD = '2026-11-H1';
const DAY = '2026-11-03';
const TIME = '2026-11-03T11:00:00.000Z';
const IDENTITY = '0123456789abcdef0123456789abcdef';
const WRONG_EVENT = { identity: IDENTITY, clientId: 'acme', day: DAY, time: TIME, meter: 'calls', quantity: '5' };

let tables: TestTables;
let world: PackagingWorld;

beforeAll(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});

afterAll(() => tables.stop());

/** Counts what the queue would deliver, by an instance that has just started. */
async function deliver(...corrections: Correction[]) {
  const body = `[${corrections.map(correctionText).join(',')}]`;
  const { events, rejected } = readMessage(body, acceptanceWindowAt(world.now, world.eventMaxAgeDays));
  expect(rejected).toEqual([]);
  const counter = createCounter(tables, { calendar: world.calendar, now: () => world.now });
  return counter.count(events.map((event) => ({ event, message: 0 })));
}

async function preview(clientId: string, corrections: Correction[]): Promise<CorrectedPackage[]> {
  const work = { isFirstClose: false, mayHaveExpired: () => world.now > Date.parse('2027-01-20T00:00:00Z') };
  const period = { id: PERIOD, from: '2026-11-01', to: '2026-11-15' };
  const frame = { period, timeZone: 'Europe/Rome', packages: world.packages };
  for await (const read of readClients(tables, PERIOD, { bucket: bucketOf(clientId), only: clientId })) {
    return previewCorrections(read, corrections, work, frame);
  }
  throw new Error(`no usage of ${clientId}`);
}

async function lastDocument(clientId: string): Promise<PackageDocument> {
  const revisions = await new PackageReader(tables).revisionsOfClient(PERIOD, clientId);
  return JSON.parse(revisions.at(-1)?.document ?? '{}'); // as packaging wrote it
}

/** What a run does, held against what the preview said. */
async function expectRevisionAsPreviewed([previewed]: CorrectedPackage[], clientId: string): Promise<void> {
  await world.close({ period: PERIOD });
  const { revision, difference } = await lastDocument(clientId);
  expect(revision).toBe(previewed?.revision);
  const lines = Object.fromEntries(difference?.lines.map(({ meter, quantity }) => [meter, quantity]) ?? []);
  expect(lines).toEqual(previewed?.difference);
}

test('what was wrong is taken back once, as the revision that the preview shows', async () => {
  world.now = Date.parse('2026-11-20T12:00:00Z');
  await world.count({ clientId: 'acme', day: DAY, quantity: '7' }, { clientId: 'acme', day: DAY, quantity: '5' });
  await world.close({ period: PERIOD });
  const correction = correctionOfEvent(WRONG_EVENT);

  const previewed = await preview('acme', [correction]);
  const first = await deliver(correction);
  const again = await deliver(correction, correction);

  expect(previewed).toMatchObject([{ revision: 2, difference: { calls: '-5' }, totals: { calls: '7' } }]);
  expect([first.counted, again.counted, again.duplicates]).toEqual([1, 0, 2]);
  await expectRevisionAsPreviewed(previewed, 'acme');
});

test('a day whose slices have expired is corrected from its record, however old it is', async () => {
  world.now = Date.parse('2026-11-20T12:00:00Z');
  await world.putSlice({ clientId: 'frozen', day: DAY, totals: { calls: '40' }, events: 4 });
  await world.close({ period: PERIOD });
  const { pk, sk } = usageSliceKey('frozen', DAY, 0, 0);
  await tables.client.send(
    new DeleteItemCommand({ TableName: tables.usageSlices, Key: { pk: { S: pk }, sk: { S: sk } } }),
  );
  world.now = Date.parse('2027-03-01T12:00:00Z');
  const { events } = await readUsageSoFar(tables, 'frozen', PERIOD);
  const correction = correctionOfDay({
    clientId: 'frozen',
    day: DAY,
    time: TIME,
    meter: 'calls',
    quantity: '40',
    events,
  });

  const previewed = await preview('frozen', [correction]);
  await deliver(correction);
  await deliver(correction);

  expect(previewed).toMatchObject([{ difference: { calls: '-40' }, totals: {} }]);
  await expectRevisionAsPreviewed(previewed, 'frozen');
  expect((await readUsageSoFar(tables, 'frozen', PERIOD)).totals.calls).toBe('0');
});

test('a correction undoes another one', async () => {
  const undone = { ...WRONG_EVENT, quantity: '-5' };
  expect(correctionOfEvent(undone)).toMatchObject({ quantity: '5', origin: { id: `event acme ${DAY} ${IDENTITY}` } });
});

test('an event as old as that is too old for any other source', () => {
  const window = acceptanceWindowAt(Date.parse('2027-03-01T12:00:00Z'), 45);
  const correction = correctionOfEvent(WRONG_EVENT);
  const others = { ...correction, origin: { source: '/gateways/eu', id: 'e-1' } };

  expect(readMessage(correctionText(correction), window)).toMatchObject({ events: [{ quantity: '-5' }], rejected: [] });
  expect(readMessage(correctionText(others), window)).toMatchObject({ events: [], rejected: [{ reason: 'TOO_OLD' }] });
});
