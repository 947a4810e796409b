import { describe, expect, test } from '@jest/globals';
import { EMPTY_CALENDAR } from '../../../lib/quota/calendar.ts';
import { PROFILE_NAMES, type ProfileName } from '../../../local/invoice-api-simulator/profiles.ts';
import { apiTrouble } from '../../../local/start/api-trouble.ts';
import { enforcedQuota, invoiceApiEnvironment } from '../../../local/start/invoice-api-environment.ts';
import { FAST_TIME_SCALE, profileTime, slownessWords } from '../../../local/start/profile-time.ts';

const NOW = Date.UTC(2026, 10, 16, 12);

describe('the time that a profile takes', () => {
  test('is the quota and the slowest package of what the API works on', () => {
    // 180 an hour: 300 packages need a full hour, and 120 more after it at 30 a minute; then up to 300 s of processing.
    expect(profileTime('clearance', 300) / 1000).toBe(3_600 + 3 * 60 + 2 + 300);
    expect(profileTime('perfect', 300)).toBe(0);
  });

  test('is said before it is long, with what shortens it', () => {
    expect(slownessWords('demo', 300, false)).toBeUndefined();
    expect(slownessWords('clearance', 300, false)).toMatch(/300 packages take at least 68 min\. --fast/);
    expect(slownessWords('clearance', 300, true)).toMatch(/then needs about 7 s for 300 packages/);
  });
});

test.each(PROFILE_NAMES)('with --fast the functions keep to the very windows that the API of %s enforces', (name) => {
  const profile = name as ProfileName;
  const invoiceApi = { kind: 'simulator' as const, profile, seed: 1, timeScale: FAST_TIME_SCALE };

  const { SEND_QUOTA, STATUS_QUOTA, SHARED_QUOTA } = invoiceApiEnvironment('http://127.0.0.1:1', { invoiceApi });

  const enforced = enforcedQuota(profile, FAST_TIME_SCALE);
  const scaled = (windows: readonly { requests: number; seconds: number }[]) =>
    windows.map(({ requests, seconds }) => `${requests}/${seconds / FAST_TIME_SCALE}`).join(',') || 'none';
  expect([SEND_QUOTA, STATUS_QUOTA, SHARED_QUOTA]).toEqual(
    [enforced.send, enforced.status, enforced.shared].map(scaled),
  );
});

describe('the trouble with an invoice API', () => {
  const open = { id: 'a', kind: 'send' as const, requests: 10, clock: 'c', until: NOW, expiresAt: NOW };

  test('is the last error, and until when nothing is sent', () => {
    const blocked = { ...EMPTY_CALENDAR, blockedUntil: NOW + 60_000, blockedBy: 'connect ECONNREFUSED 127.0.0.1:9' };

    expect(apiTrouble(blocked, NOW, false)).toBe(
      'Nothing is sent to the invoice API until 2026-11-16T12:01:00Z, after: connect ECONNREFUSED 127.0.0.1:9',
    );
  });

  test('is silence, when nothing has ever come back', () => {
    const silent = { ...EMPTY_CALENDAR, open: { ...open, openedAt: NOW - 9_000 } };

    expect(apiTrouble(silent, NOW, false)).toMatch(/has not answered anything in 8 s/);
    expect(apiTrouble(silent, NOW, true)).toBeUndefined();
    expect(apiTrouble({ ...silent, answeredAt: NOW - 9_000 }, NOW, false)).toBeUndefined();
    expect(apiTrouble({ ...silent, open: { ...open, openedAt: NOW - 1_000 } }, NOW, false)).toBeUndefined();
  });

  test('is none while a full quota holds requests up for a moment', () => {
    expect(apiTrouble({ ...EMPTY_CALENDAR, blockedUntil: NOW + 1_000 }, NOW, false)).toBeUndefined();
  });
});
