import { afterEach, describe, expect, test } from '@jest/globals';
import { givenUp } from '../../../lib/packages/head-changes.ts';
import type { SendingSettings } from '../../../lib/sending/sending.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';
import { type DrivenSending, type ScriptedApi, startDrivenSending } from '../../fixtures/driven-sending.ts';
import { makePackage } from '../../fixtures/sending.ts';

const HOUR = 3_600_000;
const POISON = 'client-0003';

describe('one package holds up nobody', () => {
  let world: DrivenSending | undefined;
  afterEach(() => world?.stop());
  const start = async (packages: number, api: ScriptedApi, settings?: Partial<SendingSettings>) => {
    world = await startDrivenSending(packages, api, settings);
    return world;
  };

  test.each([409, 503])(
    'a package that is to come back in an hour (%i) does so, and the others go on',
    async (status) => {
      const acceptedAt: number[] = [];
      let askedAt: number | undefined;
      const api: ScriptedApi = {
        submitted({ packageId, clientId }, reply, now) {
          if (clientId === POISON && askedAt === undefined) {
            askedAt = now;
            return reply(status, {}, { 'retry-after': '3600' });
          }
          acceptedAt.push(now);
          reply(202, { id: packageId, status: 'processed' });
        },
      };
      const quota = { send: [{ requests: 10, seconds: 60 }], status: [], shared: [] };
      const { drive, states } = await start(25, api, { quota });

      expect(await drive(24)).toBe('done');
      expect(await states()).toEqual({ processed: 25 });
      const [last = 0, lastButOne = 0] = acceptedAt.toReversed();
      expect(lastButOne - (askedAt ?? 0)).toBeLessThan(HOUR / 6);
      expect(last - (askedAt ?? 0)).toBeGreaterThanOrEqual(HOUR);
      expect(last - (askedAt ?? 0)).toBeLessThan(1.2 * HOUR);
    },
  );

  test('a package that is to come back in an hour when it is sent again does so, and the others are asked for', async () => {
    let [turnedAwayAt, cameBackAt, othersKnownAt] = [0, 0, 0];
    const sentAt = new Map<string, number>();
    const api: ScriptedApi = {
      submitted({ packageId, clientId, submission }, reply, now) {
        sentAt.set(packageId, now);
        if (clientId === POISON && submission === 2 && turnedAwayAt === 0) {
          turnedAwayAt = now;
          return reply(409, {}, { 'retry-after': '3600' });
        }
        if (submission === 2) cameBackAt = now;
        reply(202, { id: packageId, status: submission === 2 ? 'processed' : 'queued' });
      },
      asked(ids, reply, now) {
        const packages = ids.map((id) => {
          const isDone = now - (sentAt.get(id) ?? now) > HOUR / 12;
          const status = id.includes(POISON) ? 'unprocessed' : isDone ? 'processed' : 'processing';
          if (status === 'processed') othersKnownAt = now;
          return { id, status, revision: 1, submission: 1 };
        });
        reply(200, { packages });
      },
    };
    const { drive, states } = await start(10, api);

    expect(await drive(24)).toBe('done');
    expect(await states()).toEqual({ processed: 10 });
    expect(othersKnownAt - turnedAwayAt).toBeLessThan(HOUR / 2);
    expect(cameBackAt - turnedAwayAt).toBeGreaterThanOrEqual(HOUR);
    expect(cameBackAt - turnedAwayAt).toBeLessThan(1.2 * HOUR);
  });

  test.each([403, 429, 500, 503])('a package that alone has no answer (%i) is parked in the end', async (status) => {
    let turnedAway = 0;
    const api: ScriptedApi = {
      submitted({ packageId, clientId }, reply) {
        if (clientId !== POISON) return reply(202, { id: packageId, status: 'processed' });
        turnedAway += 1;
        reply(status, '<html>blocked by the firewall</html>');
      },
    };
    const { drive, states, head } = await start(25, api, { processingDeadlineMilliseconds: 3 * HOUR });

    expect(await drive(48)).toBe('PackagesParked');
    expect(await states()).toEqual({ processed: 24, parked: 1 });
    expect((await head(POISON)).reason).toContain(String(status));
    expect(turnedAway).toBeLessThan(30);
  });

  test('a key that is in flight for five minutes costs no attempt, however soon the API wants it back', async () => {
    let sentAt: number | undefined;
    let requests = 0;
    const api: ScriptedApi = {
      submitted({ packageId }, reply, now) {
        sentAt ??= now;
        requests += 1;
        if (now - sentAt < HOUR / 12) return reply(409, { title: 'in flight' }, { 'retry-after': '1' });
        reply(202, { id: packageId, status: 'processed' });
      },
    };
    const { drive, states } = await start(1, api);

    expect(await drive(4)).toBe('done');
    expect(await states()).toEqual({ processed: 1 });
    expect(requests).toBeLessThan(15);
  });

  test.each([500, 503])('an outage of hours (%i) costs the few packages that are left no attempt', async (status) => {
    let downFrom: number | undefined;
    let accepted = 0;
    const api: ScriptedApi = {
      submitted({ packageId }, reply, now) {
        if (accepted === 5) downFrom ??= now;
        if (downFrom !== undefined && now - downFrom < 12 * HOUR) return reply(status, { title: 'maintenance' });
        accepted += 1;
        reply(202, { id: packageId, status: 'processed' });
      },
    };
    const { drive, states } = await start(8, api, { maximumConcurrency: 1 });

    expect(await drive(48)).toBe('done');
    expect(await states()).toEqual({ processed: 8 });
  });

  test('an outage of submissions spends no attempts while status reads work', async () => {
    const jobs = new Set<string>();
    let downFrom: number | undefined;
    const api: ScriptedApi = {
      submitted({ packageId }, reply, now) {
        if (jobs.size === 10) downFrom ??= now;
        if (downFrom !== undefined && now - downFrom < 4 * HOUR) return reply(500, { title: 'read-only' });
        jobs.add(packageId);
        reply(202, { id: packageId, status: 'queued' });
      },
      asked(ids, reply, now) {
        const status = downFrom !== undefined && now - downFrom > 5 * HOUR ? 'processed' : 'processing';
        const held = ids.filter((id) => jobs.has(id));
        reply(200, { packages: held.map((id) => ({ id, revision: 1, submission: 1, status })) });
      },
    };
    const { drive, states } = await start(40, api, { maximumConcurrency: 5 });

    expect(await drive(48)).toBe('done');
    expect(await states()).toEqual({ processed: 40 });
  });

  test('a run is judged by what it finished itself, and not by what people gave up', async () => {
    const api: ScriptedApi = {
      submitted: ({ packageId, clientId }, reply) =>
        clientId.startsWith('bad') ? reply(422, {}) : reply(202, { id: packageId, status: 'processed' }),
    };
    const { drive, head, sending, tables } = await start(0, api);
    for (let n = 1; n <= 60; n++) await makePackage(tables, `old-${n}`, { state: 'processed', everSent: true });
    for (let n = 1; n <= 8; n++) await makePackage(tables, `bad-${n}`);
    for (let n = 1; n <= 22; n++) await makePackage(tables, `good-${n}`);

    expect(await drive(24)).toBe('TooManyPackagesFailed');
    for (let n = 1; n <= 8; n++) {
      const parked = await head(`bad-${n}`);
      await sending.transitions.apply(parked, givenUp(parked, decisionOfPerson('billed by hand'), sending.clock.now()));
    }

    expect(await drive(48)).toBe('done');
  });
});
