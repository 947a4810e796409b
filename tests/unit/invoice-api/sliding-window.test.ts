import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Quota, QuotaWindow } from '../../../lib/quota/quota.ts';
import { Gate, type Operation } from '../../../local/invoice-api-simulator/gate.ts';
import type { Profile } from '../../../local/invoice-api-simulator/profiles.ts';
import { SlidingWindow } from '../../../local/invoice-api-simulator/sliding-window.ts';

const gaps = fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 120 });
const timesOf = (steps: number[]): number[] => {
  let now = 1_000_000;
  return steps.map((step) => {
    now += step;
    return now;
  });
};
/** The definition, word for word: how many lie in the stretch that ends now. */
const inStretch = (admitted: number[], now: number, milliseconds: number): number =>
  admitted.filter((time) => time > now - milliseconds && time <= now).length;

test('a request fits if and only if a count of all earlier ones says so', () => {
  fc.assert(
    fc.property(
      gaps,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 3_000 }),
      (steps, requests, length) => {
        const window = new SlidingWindow(requests, length);
        const admitted: number[] = [];
        for (const now of timesOf(steps)) {
          const held = inStretch(admitted, now, length);
          expect(window.remainingAt(now)).toBe(requests - held);
          expect(window.waitFrom(now) === 0).toBe(held < requests);
          if (held < requests) {
            window.admit(now);
            admitted.push(now);
          }
        }
      },
    ),
  );
});

test('the wait is exact: after it a request fits, a millisecond sooner none does', () => {
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 6 }), fc.integer({ min: 2, max: 3_000 }), (steps, requests, length) => {
      const window = new SlidingWindow(requests, length);
      for (const now of timesOf(steps)) {
        const wait = window.waitFrom(now);
        if (wait === 0) {
          window.admit(now);
          continue;
        }
        expect(window.waitFrom(now + wait)).toBe(0);
        expect(window.waitFrom(now + wait - 1)).toBeGreaterThan(0);
      }
    }),
  );
});

const windows = fc.array(
  fc.record({ requests: fc.integer({ min: 1, max: 8 }), seconds: fc.integer({ min: 1, max: 4 }) }),
  { maxLength: 2 },
);
const quotas = fc.record({ send: windows, status: windows, shared: windows });
const kinds = fc.constantFrom<Operation>('submit', 'status', 'list');

function profileWith(quota: Quota): Profile {
  return {
    quota,
    concurrency: undefined,
    latency: { kind: 'none' },
    processing: { kind: 'none' },
    throttleAnswer: 'retry-after',
    faults: {},
  };
}

test('several windows at once: refused and counted as a violation if and only if some window of its kind is full', () => {
  const requests = fc.array(fc.tuple(fc.integer({ min: 0, max: 700 }), kinds), { maxLength: 100 });
  fc.assert(
    fc.property(quotas, requests, (quota, steps) => {
      const gate = new Gate(profileWith(quota), quota);
      const admitted: { kind: Operation; time: number }[] = [];
      const times = timesOf(steps.map(([step]) => step));
      let violations = 0;
      steps.forEach(([, kind], index) => {
        const now = times[index] ?? 0;
        const sends = (other: Operation): boolean => other === 'submit';
        const full = ({ requests: most, seconds }: QuotaWindow, spends: (other: Operation) => boolean): boolean =>
          inStretch(
            admitted.filter((other) => spends(other.kind)).map(({ time }) => time),
            now,
            seconds * 1000,
          ) >= most;
        const own = sends(kind)
          ? quota.send.some((window) => full(window, sends))
          : quota.status.some((window) => full(window, (other) => !sends(other)));
        const refused = own || quota.shared.some((window) => full(window, () => true));

        expect(gate.enter(kind, now) !== undefined).toBe(refused);

        if (refused) violations += 1;
        else admitted.push({ kind, time: now });
        expect(gate.violations).toBe(violations);
      });
    }),
  );
});

test('a blunt penalty blocks for a minute that each call begins anew', () => {
  const quota: Quota = { send: [], status: [], shared: [{ requests: 1, seconds: 1 }] };
  const gate = new Gate({ ...profileWith(quota), throttleAnswer: 'penalty' }, quota);
  expect(gate.enter('submit', 0)).toBeUndefined();
  expect(gate.enter('submit', 500)).toEqual({ status: 429, retryAfter: undefined });
  expect(gate.enter('submit', 60_400)).toEqual({ status: 429, retryAfter: undefined });
  expect(gate.enter('submit', 120_399)).toEqual({ status: 429, retryAfter: undefined });
  expect(gate.enter('submit', 180_399)).toBeUndefined();
  expect(gate.violationsByWindow).toEqual({ 'shared 1/1': 1, block: 2 });
});

test('a doubling block grows with each call that meets it, and is forgotten once a call finds quota', () => {
  const quota: Quota = { send: [{ requests: 1, seconds: 1 }], status: [], shared: [] };
  const gate = new Gate({ ...profileWith(quota), throttleAnswer: 'doubling' }, quota);
  gate.enter('submit', 0);
  expect(gate.enter('submit', 10)?.retryAfter).toBe(30_000);
  expect(gate.enter('submit', 20)?.retryAfter).toBe(60_000);
  expect(gate.enter('submit', 60_020)).toBeUndefined();
  expect(gate.enter('submit', 60_030)?.retryAfter).toBe(30_000);
});

test('the concurrency cap counts requests that have not left', () => {
  const quota: Quota = { send: [], status: [], shared: [] };
  const gate = new Gate({ ...profileWith(quota), concurrency: 2 }, quota);
  gate.enter('submit', 0);
  gate.enter('status', 0);
  expect(gate.enter('submit', 0)).toEqual({ status: 429, retryAfter: 0 });
  gate.leave(30);
  expect(gate.enter('submit', 30)).toBeUndefined();
  expect(gate.violationsByWindow).toEqual({ concurrency: 1 });
  expect(gate.earlyBy).toBe(30);
});

test('says by how much the worst request came too early', () => {
  const quota: Quota = { send: [{ requests: 1, seconds: 1 }], status: [], shared: [] };
  const gate = new Gate(profileWith(quota), quota);
  gate.enter('submit', 0);
  expect(gate.earlyBy).toBe(0);
  gate.enter('submit', 960);
  gate.enter('submit', 900);
  gate.enter('submit', 990);
  expect(gate.earlyBy).toBe(100);
});
