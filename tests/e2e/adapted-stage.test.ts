import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { lastEndedPeriod, type PeriodId } from '../../lib/periods/periods.ts';
import { announceKeptCloud } from '../../local/kept-cloud/kept-cloud.ts';
import { KEPT_CLOUD_NOTICE } from '../../local/kept-cloud/kept-cloud-notice.ts';
import { collectAccount } from '../../local/start/collect-account.ts';
import { runMainJob } from '../../local/start/main-job.ts';
import { untilDrained } from '../../local/start/queue-drained.ts';
import { compareEveryStation, type MainJobAccount } from '../../local/start/reconciliation.ts';
import { type Session, startSession } from '../../local/start/session.ts';
import { mapClients } from '../../local/start/vendor-access.ts';
import { callCommand } from '../fixtures/command-line.ts';
import { consumptionEventText } from '../fixtures/consumption-events.ts';
import { SILENT } from '../fixtures/progress.ts';

const MAX_AGE_DAYS = 45;
/** It packages a stage that no other test needs. */
const LONGEST_JOB_MILLISECONDS = 300_000;

let folder: string;
let periodId: PeriodId;
let session: Session | undefined;
let account: MainJobAccount;

// Xero, since it needs most: an access token, rounded quantities, and credit notes.
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-adapted-'));
  const signal = AbortSignal.timeout(LONGEST_JOB_MILLISECONDS);
  const calendar = new BillingCalendar('UTC', 5);
  const now = Date.now();
  periodId = lastEndedPeriod(now, calendar).id;
  const started = await startSession(
    {
      invoiceApi: { kind: 'vendor', vendor: 'xero', seed: 3 },
      maxAgeDays: MAX_AGE_DAYS,
      folder,
      keepData: false,
    },
    SILENT,
    signal,
  );
  session = started;
  const { api, service, apiUrl, overrides } = started;
  const load = { kind: 'sample' as const, seed: 3, clients: 10, events: 600, periodId, meters: 'sums' as const };
  const beforeRun = async (id: PeriodId) => {
    if (api.kind === 'vendor') await mapClients(service.tables, id, api);
  };
  const job = { load, calendar, maxAgeDays: MAX_AGE_DAYS, now, beforeRun };
  const result = await runMainJob(service, job, SILENT, signal);
  ({ account } = await collectAccount(started, result, signal));
  announceKeptCloud(service.cloud, { url: apiUrl }, overrides, join(folder, KEPT_CLOUD_NOTICE));
}, LONGEST_JOB_MILLISECONDS);

afterAll(async () => {
  await session?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the main job through an adapter, with the packaged bundles on the local cloud', () => {
  test("ends with every number in agreement with the vendor's books", () => {
    expect(compareEveryStation(account).differences).toEqual([]);
    expect(account.processed.packages).toBe(10);
  });

  test('tells the API what the settings have rounded, and the rest to the last digit', () => {
    expect(account.rounded?.meters).toEqual(expect.arrayContaining(['egress_gb', 'storage_gb_hours', 'data_points']));
    expect(account.processed.totals.api_calls).toBe(account.produced.totalsInClosedPeriods.api_calls);
  });

  test('finds an invoice that the vendor has not', () => {
    const { egress_gb: billed = '0', ...others } = account.processed.totals;
    const tampered = {
      ...account,
      processed: { ...account.processed, totals: { ...others, egress_gb: `${billed}1` } },
    };
    expect(compareEveryStation(tampered).differences).toEqual([expect.stringMatching(/^egress_gb, as billed/)]);
  });
});

describe('commands ask the API through the adapter of the stage', () => {
  test('reconcile holds our books against the documents there', async () => {
    const { stdout, stderr, exitCode } = await callCommand(['reconcile', periodId], { folder });
    expect(stderr + stdout).toContain('The books agree: 10 packages here, 10 at the API.');
    expect(exitCode).toBe(0);
  });

  test('certificate --verify holds what the API acknowledged against it', async () => {
    const { stdout, stderr, exitCode } = await callCommand(['certificate', periodId, '--verify'], { folder });
    expect({ said: stderr + stdout, exitCode }).toMatchObject({ exitCode: 0 });
  });

  test('check-api finds that all that billing relies on holds', async () => {
    const { stdout } = await callCommand(['check-api', '--client', 'client-0000', '--yes'], { folder });
    expect(stdout).toMatch(/ok +it takes a package: accepted as processed/);
    expect(stdout).toMatch(/ok +it lists each package once/);
    expect(stdout).not.toContain('BAD');
  });

  test('doctor asks it', async () => {
    const { stdout } = await callCommand(['doctor', '--json'], { folder });
    expect(JSON.parse(stdout)).toMatchObject({
      checks: expect.arrayContaining([expect.objectContaining({ check: 'invoice API', state: 'good' })]),
    });
  });
});

test('the archive of this stage has each counted event of the closed period, and the certificate says so', async () => {
  const { stdout } = await callCommand(['certificate', periodId, '--json'], { folder });
  const { usage, evidence } = JSON.parse(stdout).certificate;
  expect(evidence).toMatchObject({ counted: usage.days.events, withoutEvidence: { events: 0, sums: [] } });
});

test('evidence shows the very events behind the lines of a client, each once, and that they add up to them', async () => {
  const clientId = 'client-0000';
  const file = join(folder, 'events.ndjson');

  const { stdout, stderr, exitCode } = await callCommand(['evidence', clientId, periodId, '--json'], { folder });
  await callCommand(['evidence', clientId, periodId, '--meter', 'api_calls', '--out', file], { folder });

  expect({ stderr, exitCode }).toMatchObject({ exitCode: 0 });
  const { agrees, lines, events, missing } = JSON.parse(stdout);
  expect({ agrees, missing }).toEqual({ agrees: true, missing: [] });
  expect(lines.length).toBeGreaterThan(1);
  for (const { sum, counted, packaged } of lines) expect([counted, packaged]).toEqual([sum, sum]);
  expect(new Set(events.map(({ identity }: { identity: string }) => identity)).size).toBe(events.length);
  const written = readFileSync(file, 'utf8').trim().split('\n');
  expect(written).toHaveLength(lines.find(({ meter }: { meter: string }) => meter === 'api_calls').events);
});

test('correct takes one event back, once, as exactly the revision that its preview shows', async () => {
  const clientId = 'client-0000';
  const shown = await callCommand(['evidence', clientId, periodId, '--meter', 'api_calls', '--json'], { folder });
  const { source, id, quantity } = JSON.parse(shown.stdout).events[0];
  const correct = ['correct', clientId, periodId, '--source', source, '--id', id, '--json'];

  const preview = await callCommand([...correct, '--preview'], { folder });
  const sent = await callCommand([...correct, '--reason', 'sent twice, ticket 4711', '--yes'], { folder });
  const service = session?.service;
  if (service) await untilDrained(service.sqs, service.queues.events, () => {}, AbortSignal.timeout(60_000));
  const again = await callCommand([...correct, '--reason', 'once more', '--yes'], { folder });
  await callCommand(['run', periodId, '--follow', '--yes'], { folder });

  const { packages, corrections } = JSON.parse(preview.stdout);
  expect(corrections).toEqual([expect.objectContaining({ quantity: `-${quantity}`, meter: 'api_calls' })]);
  expect([JSON.parse(sent.stdout).sent, JSON.parse(again.stdout).sent]).toEqual([true, false]);
  const { stdout } = await callCommand(['package', `${periodId}.${clientId}`, '--json'], { folder });
  const { head, revisions } = JSON.parse(stdout);
  expect({ revision: head.revision, state: head.state }).toEqual({
    revision: packages[0].revision,
    state: 'processed',
  });
  const { difference } = JSON.parse(JSON.stringify(revisions.at(-1).document));
  expect(difference.lines).toEqual([expect.objectContaining({ meter: 'api_calls', quantity: `-${quantity}` })]);
  expect(packages[0].difference).toEqual({ api_calls: `-${quantity}` });
  const certificate = await callCommand(['certificate', periodId, '--json'], { folder });
  expect(JSON.parse(certificate.stdout).certificate.interventions).toEqual(
    expect.arrayContaining([
      expect.objectContaining({
        kind: 'correct',
        reason: 'sent twice, ticket 4711',
        subjects: [corrections[0].origin.id],
      }),
    ]),
  );
}, 120_000);

test('forget removes the events of one client, and evidence says plainly that nothing is left to show', async () => {
  const forgotten = await callCommand(['forget', 'client-0000', '--reason', 'erasure', '--yes', '--json'], { folder });
  const { stdout, exitCode } = await callCommand(['evidence', 'client-0000', periodId, '--json'], { folder });

  expect(JSON.parse(forgotten.stdout).lines).toBeGreaterThan(0);
  expect(exitCode).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ agrees: false, events: [] });
});

test('what has no mapping is named by a preview, and parked by a run before its first request leaves', async () => {
  if (!session) throw new Error('no session');
  const { api, service } = session;
  if (api.kind !== 'vendor') throw new Error('no vendor');
  const time = `${periodId.slice(0, 7)}-03T12:00:00Z`;
  const events = ['stranger', 'org/0003/site=1|eu'].map((subject) =>
    consumptionEventText({ subject, time, meter: 'mystery' }),
  );
  await callCommand(['send', '-'], { folder, stdin: events.join('\n') });
  await untilDrained(service.sqs, service.queues.events, () => {}, AbortSignal.timeout(60_000));
  const before = api.simulation.api.requests.length;

  const preview = await callCommand(['run', periodId, '--preview'], { folder });
  const run = await callCommand(['run', periodId, '--follow', '--yes'], { folder });
  const parked = await callCommand(['parked', periodId], { folder });

  expect(preview.stdout).toContain('2 clients would not be billed, since packages would be parked:');
  expect(preview.stdout).toMatch(/stranger: Not sent: client stranger has no customer.*meter mystery is not in/);
  expect(run.exitCode).not.toBe(0);
  expect(parked.stdout).toMatch(/stranger.*has no customer at the invoice API/s);
  expect(api.simulation.api.requests).toHaveLength(before);
});
