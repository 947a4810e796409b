import { describe, expect, test } from '@jest/globals';
import type { SubmitOutcome } from '../../../lib/invoice-api/invoice-api.ts';
import { isSuspect } from '../../../lib/sending/suspicion.ts';

const NOW = Date.parse('2026-11-16T03:00:00Z');
const MINUTE = 60_000;
const failures = { times: 2, since: NOW - 60 * MINUTE, at: NOW - 10 * MINUTE };
const answered = (httpStatus: number): SubmitOutcome => ({
  kind: 'throttled',
  exchange: { httpStatus, latencyMilliseconds: 1 },
  retryAfterMilliseconds: undefined,
  reason: 'no room',
});
const silence: SubmitOutcome = {
  kind: 'unknown',
  exchange: { latencyMilliseconds: 1 },
  cause: 'time-out',
  reason: 'no whole answer',
};
const others = (answeredAt: number | undefined, isAlone = false) => ({ answeredAt, isAlone });

describe('whose fault a failure is', () => {
  test.each([silence, answered(503), answered(429), answered(403)])(
    'the package that fails while others are answered ($kind $exchange.httpStatus)',
    (outcome) => {
      expect(isSuspect(failures, outcome, others(NOW - MINUTE))).toBe(true);
      expect(isSuspect({ ...failures, times: 1 }, outcome, others(NOW - MINUTE))).toBe(false);
      expect(isSuspect(undefined, outcome, others(NOW - MINUTE))).toBe(false);
      expect(isSuspect(failures, outcome, others(undefined))).toBe(false);
    },
  );

  test.each([silence, answered(503)])(
    'nobody, where nobody was answered since it failed last, though it was suspect before ($kind)',
    (outcome) => {
      const suspect = { ...failures, isSuspect: true as const };
      expect(isSuspect(suspect, outcome, others(NOW - 11 * MINUTE, true))).toBe(false);
    },
  );

  test('the package that alone was said no to, just after others were answered, and from then on', () => {
    const justBefore = failures.since - MINUTE / 2;
    expect(isSuspect(failures, answered(429), others(justBefore, true))).toBe(true);
    expect(isSuspect(failures, answered(429), others(justBefore, false))).toBe(false);
    expect(isSuspect({ ...failures, isSuspect: true }, answered(429), others(justBefore - 60 * MINUTE))).toBe(true);
  });
});
