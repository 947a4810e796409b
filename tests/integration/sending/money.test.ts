import { afterEach, describe, expect, test } from '@jest/globals';
import { released } from '../../../lib/packages/head-changes.ts';
import type { SendingSettings } from '../../../lib/sending/sending.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';
import { type DrivenSending, type ScriptedApi, startDrivenSending } from '../../fixtures/driven-sending.ts';

const HOUR = 3_600_000;

/** What an API holds of one package: each job is billed when it is processed. */
interface Job {
  revision: number;
  submission: number;
  at: number;
}

describe('no answer makes a package be billed twice', () => {
  let world: DrivenSending | undefined;
  afterEach(() => world?.stop());
  const start = async (packages: number, api: ScriptedApi, settings?: Partial<SendingSettings>) => {
    world = await startDrivenSending(packages, api, settings);
    return world;
  };

  test('a report that names no submission, from a listing that lags, is not taken for one on the latest', async () => {
    const jobs = new Map<string, Job[]>();
    const keys = new Set<string>();
    const lag = 20_000;
    const api: ScriptedApi = {
      submitted({ packageId, revision, submission, key }, reply, at) {
        if (!keys.has(key)) jobs.set(packageId, [...(jobs.get(packageId) ?? []), { revision, submission, at }]);
        keys.add(key);
        reply(202, { id: packageId, status: 'queued' });
      },
      asked(ids, reply, now) {
        const packages = ids.flatMap((id) => {
          const job = jobs.get(id)?.findLast(({ at }) => at <= now - lag);
          if (!job) return [];
          const isDone = now - lag - job.at >= 10_000;
          return [{ id, status: isDone ? (job.submission === 1 ? 'unprocessed' : 'processed') : 'processing' }];
        });
        reply(200, { packages });
      },
    };
    const { drive, states } = await start(8, api);

    expect(await drive(24)).toBe('done');
    expect(await states()).toEqual({ processed: 8 });
    expect([...jobs.values()].map((held) => held.map(({ submission }) => submission))).toEqual(
      Array.from({ length: 8 }, () => [1, 2]),
    );
  });

  test('what the API lists as under way is not sent again, however long it takes, for its key may be forgotten', async () => {
    const jobs = new Map<string, number>();
    let submissions = 0;
    const api: ScriptedApi = {
      submitted({ packageId }, reply, at) {
        submissions += 1;
        jobs.set(packageId, jobs.get(packageId) ?? at);
        reply(202, { id: packageId, status: 'queued' });
      },
      asked(ids, reply, now) {
        const statusOf = (id: string) => (now - (jobs.get(id) ?? now) > 8 * HOUR ? 'processed' : 'processing');
        reply(200, { packages: ids.map((id) => ({ id, revision: 1, submission: 1, status: statusOf(id) })) });
      },
    };
    const limits = { keyRetentionMilliseconds: HOUR / 2, processingDeadlineMilliseconds: 3 * HOUR };
    const { drive, states, head } = await start(3, api, limits);

    expect(await drive(6)).toBe('time is up');
    expect(await head()).toMatchObject({ state: 'submitted', remark: expect.stringContaining('processing deadline') });
    expect(await drive(24)).toBe('done');
    expect(await states()).toEqual({ processed: 3 });
    expect(submissions).toBe(3);
  });

  test('an unknown outcome that is older than its key is asked for, and sent again only when it was missing twice', async () => {
    const heard: string[] = [];
    const api: ScriptedApi = {
      submitted({ packageId }, reply, now) {
        heard.push('send');
        if (heard.length === 1) return reply(undefined);
        if (now - startedAt < 2 * HOUR) return reply(429, {}, { 'retry-after': '7200' });
        reply(202, { id: packageId, status: 'processed' });
      },
      asked(_ids, reply) {
        heard.push('read');
        reply(200, { packages: [] });
      },
    };
    const startedAt = Date.now();
    const { drive, states } = await start(1, api, { keyRetentionMilliseconds: HOUR });

    expect(await drive(24)).toBe('done');
    expect(await states()).toEqual({ processed: 1 });
    expect(heard).toEqual(['send', 'send', 'read', 'read', 'send']);
  });

  test.each([400, 413, 422])(
    'a %i after an unknown outcome is believed only when the API holds nothing',
    async (status) => {
      const keys = new Set<string>();
      let requests = 0;
      const api: ScriptedApi = {
        submitted({ key }, reply) {
          requests += 1;
          if (requests === 2) return reply(status, '<html><body>nginx</body></html>');
          keys.add(key);
          reply(undefined);
        },
        asked: (ids, reply) =>
          reply(200, { packages: ids.map((id) => ({ id, revision: 1, submission: 1, status: 'processed' })) }),
      };
      const { drive, head } = await start(1, api);

      expect(await drive(24)).toBe('done');
      expect(await head()).toMatchObject({ state: 'processed', submission: 1 });
      expect([...keys]).toHaveLength(1);
      expect(requests).toBe(2);
    },
  );

  test('a refusal stands once the API has twice not listed the package, and a release keeps its key', async () => {
    const keys: string[] = [];
    let isMended = false;
    const api: ScriptedApi = {
      submitted({ packageId, key }, reply) {
        keys.push(key);
        if (keys.length === 1) return reply(undefined);
        return isMended
          ? reply(202, { id: packageId, status: 'processed' })
          : reply(400, { title: 'no such customer' });
      },
    };
    const { drive, head, sending } = await start(1, api, { failureShareLimit: 1 });

    await drive(24);
    const rejected = await head();
    await sending.transitions.apply(rejected, released(rejected, decisionOfPerson('registered'), sending.clock.now()));
    isMended = true;

    expect(rejected).toMatchObject({ state: 'rejected', reason: expect.stringContaining('no such customer') });
    expect(rejected.attempts.map(({ outcome }) => outcome)).toEqual([
      'unknown:connection',
      'unsure:rejected',
      'missing',
      'missing',
    ]);
    expect(await drive(48)).toBe('done');
    expect(await head()).toMatchObject({ state: 'processed', submission: 1 });
    expect(new Set(keys).size).toBe(1);
  });

  test('an acceptance of another package is none: sent again under the same key, and parked in the end', async () => {
    const keys = new Set<string>();
    const api: ScriptedApi = {
      submitted({ key }, reply) {
        keys.add(key);
        reply(202, { id: '2026-11-H1.somebody-else', status: 'processed' });
      },
    };
    const { drive, head } = await start(1, api, { processingDeadlineMilliseconds: 3_600_000 });

    expect(await drive(48)).toBe('PackagesParked');
    expect((await head()).reason).toContain('the answer is about');
    expect(keys.size).toBe(1);
  });
});
