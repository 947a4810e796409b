import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { previousPeriod } from '../../../lib/periods/periods.ts';
import { type CommandLineWorld, startCommandLineWorld } from '../../fixtures/command-line.ts';
import { deviations, documentedShapes } from '../../fixtures/documented-shapes.ts';
import { until } from '../../fixtures/until.ts';

let world: CommandLineWorld;
let id: string;
/** Nobody comes in time, the next time that a run asks. */
let isTimeOver = false;

beforeAll(async () => {
  world = await startCommandLineWorld('perfect', {
    environmentOverrides: { GATE_MODE: 'variance', EVENT_MAX_AGE_DAYS: '4000' },
    interceptTask: async ({ stateName }, invoke) => {
      if (stateName !== 'AwaitApproval' || !isTimeOver) return invoke();
      isTimeOver = false;
      return { payload: '', error: { errorType: 'States.Timeout', errorMessage: '' } } as never;
    },
  });
  id = world.period.id;
  const before = previousPeriod(id);
  for (const period of [previousPeriod(before.id), before]) {
    const time = `${period.from}T12:00:00Z`;
    await world.count(['acme', 'globex'].map((client) => world.event(client, '10', { time })));
    await world.halfmonth(['run', period.id, '--follow', '--yes']);
  }
}, 300_000);

afterAll(() => world?.stop());

interface Status {
  run: { runId: string; status: string; failure?: string };
  packages: Record<string, number>;
  next: { why: string; command: string }[];
}

const statusOnce = (what: string, isSo: (status: Status) => boolean) =>
  until(what, async () => {
    const status = (await world.json(['status', id])) as unknown as Status;
    return isSo(status) ? status : undefined;
  });
const askedTimes = () => world.busEvents.filter(({ DetailType }) => DetailType === 'Approval Awaited').length;
/** The run has done all that it may and has asked so often. */
const asking = (times: number) => until(`question ${times}`, async () => (askedTimes() === times ? true : undefined));
const ended = () => statusOnce('the end of the run', ({ run }) => run.status !== 'RUNNING');
/** What the API billed, by package. */
const billed = () =>
  Object.keys(world.api.totalsByPackage())
    .filter((name) => name.startsWith(`${id}.`))
    .sort();

// One story: each test goes on where the one before it ended.
test('a spike and a new client are held while the rest is billed, and the run says so', async () => {
  await world.count([world.event('acme', '11'), world.event('globex', '5000'), world.event('initech', '1')]);

  await world.halfmonth(['run', id, '--yes']);
  await asking(1);

  const status = await statusOnce('what was left', ({ packages }) => packages.processed === 1);
  expect(status).toMatchObject({ run: { status: 'RUNNING' }, packages: { held: 2, processed: 1 } });
  expect(status.next[0]?.command).toBe(`npx halfmonth packages ${id} --status held`);
  expect(status.next[1]?.command).toContain(`npx halfmonth approve ${id}`);
  const { stdout } = await world.halfmonth(['packages', id, '--status', 'held']);
  expect(billed()).toEqual([`${id}.acme`]);
  expect(stdout).toContain('5000 is above what is usual (5 to 15)');
});

test('what is approved is billed once; approved again it is told by whom it was decided', async () => {
  const approval = ['approve', id, '--client', 'globex', '--reason', 'new data centre', '--yes'];
  const { schemaVersion: _version, command: _command, target: _target, ...answer } = await world.json(approval);
  const again = await world.halfmonth(approval);
  await asking(2);

  expect(answer).toEqual({ period: id, reason: 'new data centre', packages: [`${id}.globex`] });
  expect(deviations(answer, documentedShapes().get('approve') ?? new Map())).toEqual([]);
  expect(billed()).toEqual([`${id}.acme`, `${id}.globex`]);
  expect(again.exitCode).not.toBe(0);
  expect(again.stderr).toMatch(/globex is \w+, not held\. It was decided at .* \(approve: new data centre\)/);
  expect(await world.json(['package', `${id}.globex`])).toMatchObject({
    head: { state: 'processed', revision: 1, submission: 1 },
  });
});

test('what is refused is not billed, and the certificate says who decided and why', async () => {
  await world.halfmonth(['refuse', id, '--client', 'initech', '--reason', 'a test system', '--yes']);
  const status = await ended();

  expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { processed: 2, rejected: 1 } });
  const { certificate } = (await world.json(['certificate', id])) as { certificate: { interventions: object[] } };
  expect(certificate.interventions).toMatchObject([
    { kind: 'run' },
    { kind: 'approve', subjects: [`${id}.globex`], reason: 'new data centre' },
    { kind: 'refuse', subjects: [`${id}.initech`], reason: 'a test system' },
  ]);
});

test('a refusal that is taken back waits for approval again; after the time-out a redrive asks anew', async () => {
  await world.halfmonth(['parked', 'release', `${id}.initech`, '--reason', 'a customer after all', '--yes']);
  const approval = ['approve', id, '--reason', 'a customer', '--yes'];
  const tooEarly = await world.halfmonth(approval);
  isTimeOver = true;
  await world.halfmonth(['run', id, '--yes']);
  const timedOut = await ended();
  const tooLate = await world.halfmonth(approval);
  await world.halfmonth(['redrive', timedOut.run.runId, '--yes']);
  await asking(3);
  const inTime = await world.halfmonth(approval);
  const status = await ended();

  expect(tooEarly.stderr).toContain(`No run of ${id} waits for a decision`);
  expect(timedOut).toMatchObject({ run: { status: 'FAILED' }, packages: { held: 1 } });
  expect(tooLate.stderr).toContain(`npx halfmonth redrive ${timedOut.run.runId}`);
  expect(inTime.exitCode).toBe(0);
  expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { processed: 3 } });
});

test('a run for one client that waits gives way to one for all, which asks and bills in its place', async () => {
  await world.count([world.event('acme', '5000')]);
  await world.halfmonth(['run', id, '--client', 'acme', '--yes']);
  await asking(4);
  const { run: small } = (await world.json(['status', id])) as unknown as Status;
  await world.halfmonth(['run', id, '--yes']);
  await asking(5);
  const { executions } = (await world.json(['executions'])) as { executions: { name: string; status: string }[] };
  await world.halfmonth(['approve', id, '--reason', 'the missing events have come', '--yes']);
  const status = await ended();

  expect(executions.find(({ name }) => name === small.runId)).toMatchObject({ status: 'ABORTED' });
  expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { processed: 3 } });
  expect(await world.json(['package', `${id}.acme`])).toMatchObject({ head: { state: 'processed', revision: 2 } });
});
