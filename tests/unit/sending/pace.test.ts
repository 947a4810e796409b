import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { forecastEnd, shortestTime } from '../../../lib/quota/forecast.ts';
import { InvalidQuota, limitsOf, parseQuotaWindows } from '../../../lib/quota/quota.ts';
import { ConcurrencyTuner } from '../../../lib/sending/concurrency-tuner.ts';
import { nextPollWait } from '../../../lib/sending/status-round.ts';

describe('a quota in words', () => {
  test('reads windows, the shortest first', () => {
    expect(parseQuotaWindows('5000/86400,60/60')).toEqual([
      { requests: 60, seconds: 60 },
      { requests: 5000, seconds: 86400 },
    ]);
    expect(parseQuotaWindows('none')).toEqual([]);
  });

  test.each(['', '60', '0/60', '60/0', '60/60;', '-1/60', '60/60,', '1/99999999', 'NONE'])('refuses %j', (text) => {
    expect(() => parseQuotaWindows(text)).toThrow(InvalidQuota);
  });
});

describe('the shortest time', () => {
  const daily = { send: [], status: [], shared: parseQuotaWindows('60/60,5000/86400') };

  test.each([
    [60, 0],
    [61, 60],
    [2000, 33 * 60],
    [5001, 86_400],
    [5061, 86_400 + 60],
  ])('for %i packages at 60 a minute and 5,000 a day is %i s', (packages, seconds) => {
    expect(shortestTime(packages, limitsOf(daily))).toBe(seconds * 1000);
  });

  test('grows by what the windows hold already', () => {
    const now = 1_000_000_000;
    const past = [{ kind: 'send', at: now - 10_000, slack: 0, count: 60, clock: 'a' } as const];
    const end = forecastEnd({ packages: 60, quota: daily, past, concurrency: 100, latency: 0, now });
    expect(end).toBe(now + 50_000);
  });
});

describe('concurrency', () => {
  const completions = (tuner: ConcurrencyTuner, count: number, latencyMilliseconds: number, failed = false) => {
    for (let completed = 0; completed < count; completed++) tuner.completed({ latencyMilliseconds, failed });
  };

  test('halves when the API fails or slows down, and comes back one by one', () => {
    const tuner = new ConcurrencyTuner(8);
    completions(tuner, 20, 200);
    expect(tuner.concurrency).toBe(8);
    completions(tuner, 20, 200, true);
    expect(tuner.concurrency).toBe(4);
    completions(tuner, 20, 700);
    expect(tuner.concurrency).toBe(2);
    completions(tuner, 40, 200);
    expect(tuner.concurrency).toBe(4);
  });

  test('never leaves 1 to the cap', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.array(fc.record({ latencyMilliseconds: fc.integer({ min: 1, max: 30_000 }), failed: fc.boolean() }), {
          maxLength: 500,
        }),
        (cap, all) => {
          const tuner = new ConcurrencyTuner(cap);
          for (const completion of all) {
            tuner.completed(completion);
            expect(tuner.concurrency).toBeGreaterThanOrEqual(1);
            expect(tuner.concurrency).toBeLessThanOrEqual(cap);
          }
        },
      ),
    );
  });
});

describe('polling', () => {
  const limits = { start: 15_000, maximum: 3_600_000 };

  test('is as quick as outcomes come', () => {
    const wait = nextPollWait({ pending: 100, finished: 100, youngestAge: 400_000, sinceLast: 60_000 }, limits);
    expect(wait).toBe(30_000);
  });

  test('asks for packages that were sent again when they are as old as others typically became', () => {
    const round = { pending: 3, finished: 0, youngestAge: 5_000, sinceLast: 5_000 };
    expect(nextPollWait({ ...round, typicalAge: 60_000 }, limits)).toBe(55_000);
    expect(nextPollWait(round, limits)).toBe(limits.start);
  });

  test('needs under 100 reads for three days of processing', () => {
    let age = 0;
    let reads = 0;
    for (let sinceLast = 0; age < 3 * 86_400_000; reads++) {
      sinceLast = nextPollWait({ pending: 1, finished: 0, youngestAge: age, sinceLast }, limits);
      age += sinceLast;
    }
    expect(reads).toBeLessThan(100);
  });
});
