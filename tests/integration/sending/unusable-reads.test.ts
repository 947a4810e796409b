import { afterEach, describe, expect, test } from '@jest/globals';
import type { SendingSettings } from '../../../lib/sending/sending.ts';
import { type DrivenSending, type ScriptedApi, startDrivenSending } from '../../fixtures/driven-sending.ts';

const HOUR = 3_600_000;
const ODD = 'client-0003';

describe('status reads that tell nothing', () => {
  let world: DrivenSending | undefined;
  afterEach(() => world?.stop());
  const start = async (packages: number, asked: ScriptedApi['asked'], settings?: Partial<SendingSettings>) => {
    const api: ScriptedApi = {
      submitted: ({ packageId }, reply) => reply(202, { id: packageId, status: 'queued' }),
      ...(asked ? { asked } : {}),
    };
    world = await startDrivenSending(packages, api, { processingDeadlineMilliseconds: 6 * HOUR, ...settings });
    return world;
  };
  const processed = (id: string) => ({ id, status: 'processed', revision: 1, submission: 1 });

  test('one report with a word that nobody knows is a remark on that package, and parks it after the deadline', async () => {
    const { drive, states, head } = await start(20, (ids, reply) => {
      reply(200, { packages: ids.map((id) => (id.includes(ODD) ? { id, status: 'paid' } : processed(id))) });
    });

    expect(await drive(1)).toBe('time is up');
    expect(await states()).toEqual({ processed: 19, submitted: 1 });
    expect((await head(ODD)).remark).toMatch(/^Its status cannot be read: .*"paid"/);

    expect(await drive(48)).toBe('PackagesParked');
    expect(await head(ODD)).toMatchObject({ state: 'parked', reason: expect.stringContaining('"paid"') });
  });

  test.each([400, 500])('one package for which the API answers %i holds up none of the others', async (status) => {
    const { drive, states, head } = await start(20, (ids, reply) => {
      if (ids.some((id) => id.includes(ODD))) return reply(status, { title: 'no such document' });
      reply(200, { packages: ids.map(processed) });
    });

    expect(await drive(1)).toBe('time is up');
    expect(await states()).toEqual({ processed: 19, submitted: 1 });
    expect((await head(ODD)).remark).toContain('no such document');
  });

  test('an API that refuses every status read holds up nothing that is to be sent, and ends no run', async () => {
    const quota = { send: [{ requests: 10, seconds: 60 }], status: [], shared: [] };
    let isMended = false;
    const { drive, states, head, sending } = await start(
      60,
      (ids, reply) =>
        isMended ? reply(200, { packages: ids.map(processed) }) : reply(400, { title: 'ids is unknown' }),
      { quota },
    );

    expect(await drive(1)).toBe('time is up');
    expect(await states()).toEqual({ submitted: 60 });
    const { blockedUntil, reads } = await sending.calendar.load();
    expect(blockedUntil).toBe(0);
    expect(reads?.failed?.reason).toContain('ids is unknown');

    expect(await drive(9)).toBe('time is up');
    expect((await head()).remark).toContain('ids is unknown');

    isMended = true;
    expect(await drive(48)).toBe('done');
    expect(await states()).toEqual({ processed: 60 });
  });
});
