import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { burstLeft } from '../../../local/invoice-api-simulator/faults.ts';
import { NO_FAULTS, PROFILES, windowsOf } from '../../../local/invoice-api-simulator/profiles.ts';
import { type Duration, drawsOf, durationOf } from '../../../local/invoice-api-simulator/random.ts';

const draw = drawsOf(3);
const sample = (duration: Duration): number[] =>
  Array.from({ length: 4_000 }, (_, index) => durationOf(duration, (purpose) => draw(purpose, index))).sort(
    (one, other) => one - other,
  );
const quantile = (sorted: number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? Number.NaN;

test('a draw is in [0, 1), and the same for the same seed and names', () => {
  fc.assert(
    fc.property(fc.integer(), fc.array(fc.oneof(fc.string(), fc.integer())), (seed, names) => {
      const value = drawsOf(seed)(...names);
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThan(1);
      expect(drawsOf(seed)(...names)).toBe(value);
    }),
  );
});

test('names that only look alike when joined are told apart', () => {
  expect(draw('a', 'b')).not.toBe(draw('ab'));
  expect(draw('a', 1)).not.toBe(draw('a', '1'));
});

test('a log-normal time has the median and the 99th percentile of its profile', () => {
  const times = sample({ kind: 'log-normal', median: 0.6, p99: 8 });
  expect(quantile(times, 0.5)).toBeGreaterThan(0.54);
  expect(quantile(times, 0.5)).toBeLessThan(0.66);
  expect(quantile(times, 0.99)).toBeGreaterThan(6);
  expect(quantile(times, 0.99)).toBeLessThan(10.5);
});

test('uniform and log-uniform times stay within their bounds and fill them', () => {
  for (const kind of ['uniform', 'log-uniform'] as const) {
    const times = sample({ kind, from: 5, to: 300 });
    expect(times[0]).toBeGreaterThanOrEqual(5);
    expect(times[0]).toBeLessThan(6);
    expect(times.at(-1)).toBeLessThanOrEqual(300);
    expect(times.at(-1)).toBeGreaterThan(295);
  }
});

test('the long tail is a minute for most, hours for 5%, days for 0.5%', () => {
  const times = sample(PROFILES['long-tail'].processing);
  expect(quantile(times, 0.5)).toBeLessThan(90);
  const hours = times.filter((time) => time >= 3_600 && time < 86_400).length / times.length;
  const days = times.filter((time) => time >= 86_400).length / times.length;
  expect(hours).toBeGreaterThan(0.04);
  expect(hours).toBeLessThan(0.06);
  expect(days).toBeGreaterThan(0.002);
  expect(days).toBeLessThan(0.009);
});

test('a burst lasts the first 2 s of its ten, and comes as often as its share says', () => {
  const rates = { ...NO_FAULTS, throttleBurst: 0.3 };
  const begins = Array.from({ length: 2_000 }, (_, ten) => burstLeft(draw, rates, ten * 10_000));
  const bursts = begins.filter((left) => left > 0);
  expect(new Set(bursts)).toEqual(new Set([2_000]));
  expect(bursts.length / begins.length).toBeGreaterThan(0.26);
  expect(bursts.length / begins.length).toBeLessThan(0.34);
  const first = begins.indexOf(2_000) * 10_000;
  expect(burstLeft(draw, rates, first + 1_999)).toBe(1);
  expect(burstLeft(draw, rates, first + 2_000)).toBe(0);
});

test.each([
  [
    '60/60,5000/86400',
    [
      { requests: 60, seconds: 60 },
      { requests: 5000, seconds: 86400 },
    ],
  ],
  ['50/1', [{ requests: 50, seconds: 1 }]],
  ['none', []],
])('windows are read from %s', (text, windows) => {
  expect(windowsOf(text)).toEqual(windows);
});

test.each(['', '0/60', '60/0', '60', '60/60;1/1', '-1/60'])('"%s" is no quota', (text) => {
  expect(() => windowsOf(text)).toThrow('write requests/seconds');
});
