import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { previousPeriod } from '../../../lib/periods/periods.ts';
import { type CommandLineWorld, startCommandLineWorld } from '../../fixtures/command-line.ts';

let world: CommandLineWorld;
let earlier: string;
let before: Record<string, unknown>;

/** An earlier period than the one that ended last is left with a parked package and late usage. */
beforeAll(async () => {
  world = await startCommandLineWorld();
  const { id, to } = previousPeriod(world.period.id);
  earlier = id;
  const event = (client: string) => world.event(client, '2', { time: `${to}T12:00:00Z` });
  await world.count([event('globex')]);
  before = await world.json(['status']);
  await world.halfmonth(['run', id, '--follow', '--yes']);
  await world.count([event('acme')]);
  world.api.setFaults({ unprocessed: 1 });
  await world.halfmonth(['run', id, '--client', 'acme', '--follow', '--yes']);
  await world.count([event('globex')]);
}, 300_000);

afterAll(() => world?.stop());

test('parked without a period finds what is parked in an earlier one', async () => {
  const { exitCode, stdout } = await world.halfmonth(['parked']);
  const ofLast = await world.halfmonth(['parked', world.period.id]);

  expect(exitCode).toBe(3);
  expect(stdout).toMatch(new RegExp(`^${earlier}.acme +2 `, 'm'));
  expect(ofLast).toMatchObject({ exitCode: 0, stdout: `No package of ${world.period.id} is parked.\n` });
});

test('late without a period finds what is open in an earlier one', async () => {
  const { events, notYetBilled } = await world.json(['late', '--open']);
  const { stdout } = await world.halfmonth(['late']);

  expect(events).toMatchObject([{ period: earlier, clientId: 'globex', quantity: '2' }]);
  expect(notYetBilled).toEqual({ events: 1, totals: { api_calls: '2' } });
  expect(stdout).toContain(`npx halfmonth run ${earlier}`);
});

test('status of the last period names the earlier one', async () => {
  const { otherPeriods, period } = await world.json(['status']);
  const { stdout } = await world.halfmonth(['status']);

  expect(period).toBe(world.period.id);
  expect(before.otherPeriods).toEqual([
    { period: earlier, isClosed: false, packagesParked: 0, packagesRejected: 0, lateEventsNotYetBilled: 0 },
  ]);
  expect(otherPeriods).toEqual([
    { period: earlier, isClosed: true, packagesParked: 1, packagesRejected: 0, lateEventsNotYetBilled: 1 },
  ]);
  expect(stdout).toContain(
    `${earlier}: 1 package parked, 1 late event not yet billed; npx halfmonth status ${earlier}`,
  );
});
