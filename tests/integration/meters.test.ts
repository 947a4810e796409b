import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { readMeterFile } from '../../cli/meters/meter-file.ts';
import { registerMeters } from '../../cli/meters/registration.ts';
import { parseMeter } from '../../lib/meters/meter-registration.ts';
import { ensureFoundation } from '../../lib/store/foundation-store.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import { MeterStore } from '../../lib/store/meter-store.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import { PackagingWorld } from '../fixtures/packaging.ts';
import { startTestTables, type TestTables } from '../fixtures/tables.ts';

const PERIOD = '2026-11-H1';

let tables: TestTables;
let world: PackagingWorld;
beforeEach(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});
afterEach(() => tables.stop());

describe('a period with meters of every kind', () => {
  const of = (clientId: string) => ({
    at: (day: string, slice = 0) => ({ clientId, day: `2026-11-${day}`, slice }),
  });
  const ada = of('ada');
  const seats = { meter: 'seats', kind: 'maximum' } as const;
  const logins = { meter: 'logins', kind: 'count', quantity: '1' } as const;
  const disk = { meter: 'disk_gb', kind: 'latest' } as const;

  beforeEach(async () => {
    world.now = Date.parse('2026-11-10T12:00:00Z');
    await ensureFoundation(tables, { billingTimeZone: 'Europe/Rome', sliceMinutes: 5 }, '2026-11-10');
    await new MeterStore(tables).register(
      'seats',
      parseMeter('seats', { kind: 'maximum', unit: 'seats' }),
      undefined,
      0,
    );
    await world.count({ ...ada.at('05'), ...disk, quantity: '7.5' }, { ...ada.at('03'), ...seats, quantity: '4' });
    await world.count(
      { ...ada.at('03', 2), ...seats, quantity: '9' },
      { ...ada.at('05', 3), ...seats, quantity: '6' },
      { ...ada.at('03'), ...disk, quantity: '80' },
      { ...ada.at('03'), ...logins },
      { ...ada.at('05'), ...logins },
      { ...ada.at('05', 9), ...logins },
      { ...ada.at('05'), quantity: '2.5' },
      { ...of('bob').at('02'), ...seats, quantity: '3' },
    );
    world.now = Date.parse('2026-11-20T12:00:00Z');
  });

  const documentOf = async (clientId: string) => {
    const head = (await world.heads()).find((each) => each.clientId === clientId);
    if (!head) throw new Error(`no package of ${clientId}`);
    return world.document(head);
  };

  const certificateOf = async ({ runId }: { runId: string }) => {
    const run = (await world.runs.listRunRecords(PERIOD)).find((each) => each.runId === runId);
    return world.certificates.load(PERIOD, run?.startedAt ?? '', runId);
  };

  test('is packaged by kind and unit, and its account balances by kind', async () => {
    const certificate = await certificateOf(await world.close());

    expect((await documentOf('ada')).lines).toEqual([
      { meter: 'calls', quantity: '2.5', days: [{ day: '2026-11-05', quantity: '2.5' }] },
      {
        meter: 'disk_gb',
        kind: 'latest',
        quantity: '7.5',
        days: [
          { day: '2026-11-03', quantity: '80' },
          { day: '2026-11-05', quantity: '7.5' },
        ],
      },
      {
        meter: 'logins',
        kind: 'count',
        quantity: '3',
        days: [
          { day: '2026-11-03', quantity: '1' },
          { day: '2026-11-05', quantity: '2' },
        ],
      },
      {
        meter: 'seats',
        kind: 'maximum',
        unit: 'seats',
        quantity: '9',
        days: [
          { day: '2026-11-03', quantity: '9' },
          { day: '2026-11-05', quantity: '6' },
        ],
      },
    ]);
    const due = { calls: '2.5', 'disk_gb#latest': '7.5', 'logins#count': '3', 'seats#maximum': '12' };
    expect(certificate).toMatchObject({
      usage: { slices: { totals: due }, days: { totals: due }, control: { events: 10, differences: [] } },
      billed: { lastProcessed: due, revisions: due },
    });
  });

  test('is corrected by what each kind changes, once late usage has come', async () => {
    await world.close();
    await world.count(
      { ...ada.at('04'), ...seats, quantity: '11' },
      { ...ada.at('05', 1), ...seats, quantity: '1' },
      { ...ada.at('06'), ...disk, quantity: '0' },
      { ...ada.at('05', 4), ...logins },
    );
    world.now += 86_400_000;

    const certificate = await certificateOf(await world.close());

    expect((await documentOf('ada')).difference).toEqual({
      sinceRevision: 1,
      lines: [
        {
          meter: 'disk_gb',
          kind: 'latest',
          quantity: '-7.5',
          days: [
            { day: '2026-11-03', quantity: '-80' },
            { day: '2026-11-05', quantity: '-7.5' },
          ],
        },
        { meter: 'logins', kind: 'count', quantity: '1', days: [{ day: '2026-11-05', quantity: '1' }] },
        {
          meter: 'seats',
          kind: 'maximum',
          unit: 'seats',
          quantity: '2',
          days: [{ day: '2026-11-04', quantity: '11' }],
        },
      ],
    });
    const due = { calls: '2.5', 'logins#count': '4', 'seats#maximum': '14' };
    expect(certificate).toMatchObject({
      usage: { slices: { totals: due }, days: { totals: due } },
      billed: { lastProcessed: due, revisions: due, open: {} },
      lateUsage: { after: { events: 0 } },
    });
  });

  test('is not corrected because a meter was given another unit', async () => {
    await world.close();
    const [known] = await new MeterReader(tables).list();
    await new MeterStore(tables).register('seats', parseMeter('seats', { kind: 'maximum', unit: 'users' }), known, 1);

    await world.close();

    expect((await world.heads()).map(({ revision }) => revision)).toEqual([1, 1]);
  });

  test('is shown as it is used so far', async () => {
    const { totals, days } = await readUsageSoFar(tables, 'ada', PERIOD);

    expect(totals).toEqual({ calls: '2.5', 'disk_gb#latest': '7.5', 'logins#count': '3', 'seats#maximum': '9' });
    expect(days[0]).toMatchObject({
      day: '2026-11-03',
      totals: { 'disk_gb#latest': '80', 'logins#count': '1', 'seats#maximum': '9' },
    });
  });
});

describe('the registry', () => {
  const cloudOf = (): Cloud =>
    // What registering uses of it.
    ({ tables, calendar: world.calendar, outputs: { EventMaxAgeDays: '45' } }) as unknown as Cloud;
  const register = async (name: string, given: object) => {
    const [known] = (await new MeterReader(tables).history(name)).slice(-1);
    return registerMeters(cloudOf(), [{ name, definition: parseMeter(name, given), known }]);
  };
  const today = () => world.calendar.dayOf(Date.now());

  test('keeps all that was said of a meter, and says how often it has changed', async () => {
    const reader = new MeterReader(tables);
    await register('seats', { kind: 'maximum' });
    await register('seats', { kind: 'maximum', unit: 'seats', decimals: 0 });
    await register('seats', { kind: 'maximum', unit: 'seats', decimals: 0 });
    await register('calls', {});

    expect(await reader.list()).toMatchObject([{ name: 'calls' }, { name: 'seats', unit: 'seats', decimals: 0 }]);
    expect(await reader.history('seats')).toMatchObject([{ version: 1 }, { version: 2 }]);
    expect(await reader.revision()).toBe(3);
  });

  test('takes one of two registrations that rest on the same, and changes nothing by the other', async () => {
    const store = new MeterStore(tables);
    const both = await Promise.allSettled([
      store.register('seats', parseMeter('seats', { unit: 'one' }), undefined, 0),
      store.register('seats', parseMeter('seats', { unit: 'other' }), undefined, 0),
    ]);

    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'METER_CONTENDED' } });
    expect(await new MeterReader(tables).history('seats')).toHaveLength(1);
  });

  test('refuses another kind for a meter that was counted, registered or not, and names the way', async () => {
    await ensureFoundation(tables, { billingTimeZone: 'Europe/Rome', sliceMinutes: 5 }, today());
    world.now = Date.now();
    await world.count({ clientId: 'ada', day: today(), meter: 'seats', quantity: '3' });

    await expect(register('seats', { kind: 'maximum' })).rejects.toMatchObject({
      code: 'METER_KIND_FIXED',
      message: expect.stringContaining('Register a new meter, such as seats_maximum'),
    });
    await register('seats', { unit: 'seats' });
    await expect(register('seats', { kind: 'latest' })).rejects.toMatchObject({ code: 'METER_KIND_FIXED' });
    expect(await new MeterReader(tables).list()).toMatchObject([{ kind: 'sum', unit: 'seats' }]);
  });

  test('lets a kind be mended while nothing was counted by it', async () => {
    await register('seats', { kind: 'latest' });
    await register('seats', { kind: 'maximum' });
    world.now = Date.now();
    await world.count({ clientId: 'ada', day: today(), meter: 'seats', kind: 'maximum', quantity: '3' });

    await expect(register('seats', {})).rejects.toMatchObject({ code: 'METER_KIND_FIXED' });
    expect(await new MeterReader(tables).list()).toMatchObject([{ kind: 'maximum' }]);
  });

  test('names every fault of a file, and takes nothing of it', async () => {
    const file = new URL('../fixtures/faulty.meters.yml', import.meta.url).pathname;

    await expect(readMeterFile(file)).rejects.toThrow(
      /meters\.se ats: is not the name of a meter\n {2}meters\.calls\.kind: must be one of .*\n {2}meters\.gb: has no field price/,
    );
  });
});
