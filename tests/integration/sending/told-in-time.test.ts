import { afterEach, expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { liftBlock } from '../../../lib/quota/calendar.ts';
import { alarmsOf } from '../../../resources/alarms.ts';
import { type Datum, stateOf } from '../../fixtures/alarm-states.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';
import { type DrivenSending, type ScriptedApi, startDrivenSending } from '../../fixtures/driven-sending.ts';
import { testRun } from '../../fixtures/sending.ts';

const ALARMS = alarmsOf('halfmonth-prod', readSettings('prod'), []);
const POISON = 'client-0003';
const HOUR = 3_600_000;

let world: DrivenSending | undefined;
afterEach(() => world?.stop());

/** Sending whose alarms can be asked: each looks at what was written since it was asked last. */
async function sendingWithAlarms(packages: number, api: ScriptedApi) {
  world = await startDrivenSending(packages, api);
  let data: Datum[] = [];
  world.sending.metrics = {
    count: (metric, value) => {
      data.push({ namespace: 'Halfmonth', metric, dimensions: { service: 'halfmonth-prod' }, value });
    },
    milliseconds: () => {},
  };
  const ringing = (): string[] => {
    const rings = Object.entries(ALARMS).filter(
      ([id, { Properties }]) => /^(InvoiceApi|PackagesSetAside)/.test(id) && stateOf(Properties, data) === 'ALARM',
    );
    data = [];
    return rings.map(([id]) => id);
  };
  return { ...world, ringing };
}

test('an API that gives no usable answer rings after an hour, and is quiet again once it answers', async () => {
  let isDown = true;
  const { drive, ringing } = await sendingWithAlarms(3, {
    submitted({ packageId }, reply) {
      if (isDown) reply(500, '<html>oops</html>');
      else reply(202, { id: packageId, status: 'processed' });
    },
  });

  await drive(0.3);
  expect(ringing()).toEqual([]);
  await drive(2);
  expect(ringing()).toEqual(['InvoiceApiSilentAlarm']);
  isDown = false;
  expect(await drive(12)).toBe('done');
  ringing();
  await drive(13);
  expect(ringing()).toEqual([]);
});

test('a block of a day rings at once, and no longer when a person lifts it', async () => {
  let isDown = true;
  const { drive, ringing, sending } = await sendingWithAlarms(3, {
    submitted({ packageId }, reply) {
      if (isDown) reply(429, {}, { 'retry-after': '86400' });
      else reply(202, { id: packageId, status: 'processed' });
    },
  });

  await drive(0.1);
  expect(ringing()).toEqual(['InvoiceApiBlockedAlarm']);
  isDown = false;
  await sending.calendar.change((calendar) => ({
    calendar: liftBlock(calendar, decisionOfPerson('a mistake'), sending.clock.now()),
  }));
  await drive(2);
  expect(ringing()).toEqual([]);
});

test('a package that is turned away while others are answered rings once', async () => {
  const { drive, ringing } = await sendingWithAlarms(25, {
    submitted({ packageId, clientId }, reply) {
      if (clientId === POISON) reply(403, '<html>blocked by the firewall</html>');
      else reply(202, { id: packageId, status: 'processed' });
    },
  });

  expect(await drive(48)).toBe('PackagesParked');
  expect(ringing()).toContain('PackagesSetAsideAlarm');
});

test('a deadline that a block in mid-run puts out of reach is told when the forecast is made anew', async () => {
  let blockedAt: number | undefined;
  let submitted = 0;
  const api: ScriptedApi = {
    submitted({ packageId }, reply, now) {
      submitted += 1;
      if (submitted > 25) blockedAt ??= now;
      if (blockedAt !== undefined && now - blockedAt < 3 * HOUR) return reply(429, {}, { 'retry-after': '10800' });
      reply(202, { id: packageId, status: 'processed' });
    },
  };
  const quota = { send: [{ requests: 10, seconds: 60 }], status: [], shared: [] };
  world = await startDrivenSending(60, api, { quota });
  const { sending, drive } = world;
  const deadline = new Date(sending.clock.now() + HOUR).toISOString();
  const run = testRun({ deadline });
  const late = () => sending.notified.filter(({ type }) => type === 'Forecast Past Deadline');

  await drive(0.02, run);
  expect(late()).toEqual([]);
  await drive(0.9, run);
  expect(late()).toHaveLength(1);

  const record = await sending.runs.loadRunRecord(run.period.id, run.startedAt, run.runId);
  const { expectedEndAt: said } = (record?.forecast ?? {}) as { expectedEndAt?: string };
  const expectedEndAt = Date.parse(String(said));
  expect(expectedEndAt).toBeGreaterThan((blockedAt ?? 0) + 3 * HOUR);
  expect(expectedEndAt).toBeLessThan((blockedAt ?? 0) + 3.5 * HOUR);
});
