import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { lastEndedPeriod } from '../../lib/periods/periods.ts';
import { collectAccount } from '../../local/start/collect-account.ts';
import { runMainJob } from '../../local/start/main-job.ts';
import { compareEveryStation, type MainJobAccount } from '../../local/start/reconciliation.ts';
import type { ResendReasons } from '../../local/start/resends.ts';
import { type Session, startSession } from '../../local/start/session.ts';
import { SILENT } from '../fixtures/progress.ts';

const CLIENTS = 20;
const EVENTS = 2_000;
const MAX_AGE_DAYS = 45;

let folder: string;
let session: Session | undefined;
let account: MainJobAccount;
let resends: ResendReasons;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-main-job-'));
  const signal = AbortSignal.timeout(110_000);
  const calendar = new BillingCalendar('UTC', 5);
  const now = Date.now();
  const periodId = lastEndedPeriod(now, calendar).id;
  session = await startSession(
    {
      invoiceApi: { kind: 'simulator', profile: 'demo', seed: 7 },
      maxAgeDays: MAX_AGE_DAYS,
      folder,
      keepData: false,
    },
    SILENT,
    signal,
  );
  const load = { kind: 'sample' as const, seed: 7, clients: CLIENTS, events: EVENTS, periodId, meters: 'all' as const };
  const job = { load, calendar, maxAgeDays: MAX_AGE_DAYS, now };
  const result = await runMainJob(session.service, job, SILENT, signal);
  ({ account, resends } = await collectAccount(session, result, signal));
});

afterAll(async () => {
  await session?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the main job, with the packaged bundles on the local cloud', () => {
  test('ends with every number in agreement', () => {
    const { lines, differences } = compareEveryStation(account);

    expect(differences).toEqual([]);
    expect(lines.every(({ agrees }) => agrees)).toBe(true);
  });

  test('counts each distinct event once, duplicates and redeliveries notwithstanding', () => {
    expect(account.produced.events).toBeGreaterThanOrEqual(EVENTS);
    expect(account.counted.events).toBe(account.produced.events);
    expect(account.days.events).toBe(account.produced.events);
  });

  test('bills every client once, with the exact quantities of each meter', () => {
    expect(account.packages.count).toBe(CLIENTS);
    expect(Object.keys(account.processed.totals)).toEqual([
      'active_seats#maximum',
      'api_calls',
      'compute_seconds',
      'data_points',
      'disk_gb#latest',
      'egress_gb',
      'logins#count',
      'storage_gb_hours',
    ]);
    expect(account.processed.totals).toEqual(account.produced.totalsInClosedPeriods);
  });

  test('finds every malformed event in the rejected queue, with its reason', () => {
    expect(Object.keys(account.rejected).length).toBeGreaterThan(10);
    expect(account.rejected).toEqual(account.produced.malformed);
  });

  test('says why a package was sent more than once', () => {
    for (const { because, times } of resends.reasons()) {
      expect(because).toMatch(/unprocessed|unknown|throttled|in-flight/);
      expect(times).toBeGreaterThan(0);
    }
    expect(resends.packages).toBeLessThan(CLIENTS);
  });

  test.each<[string, (account: MainJobAccount) => MainJobAccount]>([
    ['an event that was counted twice', (it) => ({ ...it, counted: { events: it.counted.events + 1 } })],
    ['a daily record that lost an event', (it) => ({ ...it, days: { ...it.days, events: it.days.events - 1 } })],
    [
      'a quantity that differs in its last digit',
      (it) => ({
        ...it,
        processed: {
          ...it.processed,
          totals: { ...it.processed.totals, egress_gb: `${it.processed.totals.egress_gb}1` },
        },
      }),
    ],
    [
      'a package that was not processed',
      (it) => ({ ...it, processed: { ...it.processed, packages: it.processed.packages - 1 } }),
    ],
    ['a rejected event that is missing', (it) => ({ ...it, rejected: { ...it.rejected, NOT_JSON: 0 } })],
    ['a run that failed', (it) => ({ ...it, runs: it.runs.map((run) => ({ ...run, status: 'FAILED' })) })],
    ['a message that was given up', (it) => ({ ...it, deadLetters: 1 })],
  ])('finds %s', (_fault, tamper) => {
    expect(compareEveryStation(tamper(account)).differences).toHaveLength(1);
  });
});
