import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { dataIn, stateOf } from '../../fixtures/alarm-states.ts';
import { type CommandLineWorld, callCommand, startCommandLineWorld } from '../../fixtures/command-line.ts';
import { packagedTemplate } from '../../fixtures/packaged-service.ts';
import { resolved } from '../../fixtures/resolved-template.ts';
import { until } from '../../fixtures/until.ts';

let world: CommandLineWorld;
let id: string;

beforeAll(async () => {
  world = await startCommandLineWorld();
  id = world.period.id;
}, 300_000);

afterAll(() => world?.stop());

const statusWhenEnded = () =>
  until('the end of the run', async () => {
    const status = (await world.json(['status', id])) as { run: { runId: string; status: string }; packages: object };
    return status.run.status === 'RUNNING' ? undefined : status;
  });

const closedEvents = () =>
  world.busEvents
    .filter(({ DetailType }) => DetailType === 'Period Closed')
    .map(({ Detail }) => JSON.parse(Detail ?? '{}') as object);

const headOf = async (client: string) => {
  const { head } = (await world.json(['package', `${id}.${client}`])) as { head: Record<string, unknown> };
  return head;
};

/** The alarm as it is packaged, for the stage that runs here. */
async function alarmState(id: string): Promise<string> {
  const template = await packagedTemplate('local');
  return stateOf(
    resolved(template, template.Resources[id]?.Properties) as Record<string, unknown>,
    dataIn(world.lines),
  );
}

// One story: each test goes on where the one before it ended.
test('a canary that the API rejected goes on by redrive once its packages are released', async () => {
  await world.count(['acme', 'globex'].map((client) => world.event(client, '10')));
  world.api.setFaults({ lateRejection: 1 });
  const stopped = await world.halfmonth(['run', id, '--canary', '1', '--follow', '--yes']);
  world.api.setFaults({ lateRejection: 0 });
  const { run } = await statusWhenEnded();

  const released = await world.halfmonth([
    ...['parked', 'release', '--rejected', id, '--new-key', '--reason', 'registered', '--yes'],
  ]);
  await world.halfmonth(['redrive', run.runId, '--yes']);
  const status = await statusWhenEnded();

  expect(stopped.stdout).toContain(`npx halfmonth parked release --rejected ${id}`);
  expect(released).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('1 package released.') });
  expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { processed: 2, rejected: 0 } });
});

test('a certified rejection that was mended is billed by a new run, once, and certified anew', async () => {
  await world.count([world.event('initech', '7')]);
  world.api.setFaults({ lateRejection: 1 });
  await world.halfmonth(['run', id, '--follow', '--yes']);
  world.api.setFaults({ lateRejection: 0 });
  const { certificate: before } = (await world.json(['certificate', id])) as { certificate: { run: { id: string } } };
  const again = (await world.json(['run', id, '--follow', '--yes'])) as { run: { status: string } };
  const untouched = await headOf('initech');
  const shown = await world.halfmonth(['status', id]);
  const doctor = await world.halfmonth(['doctor']);
  const ringing = await alarmState('PackagesRejectedAlarm');

  const released = await world.json([
    ...['parked', 'release', `${id}.initech`, '--new-key', '--reason', 'registered', '--yes'],
  ]);
  await world.halfmonth(['run', id, '--follow', '--yes']);
  const { certificate: after } = await world.json(['certificate', id]);

  expect(before).toMatchObject({ billed: { rejected: { api_calls: '7' } } });
  expect(again.run.status).toBe('SUCCEEDED');
  // The run succeeds, and it does not go by in silence: the alarm, the event, and the first line of both commands.
  expect(ringing).toBe('ALARM');
  expect(closedEvents()).toContainEqual(
    expect.objectContaining({
      rejected: {
        packages: 1,
        totals: { api_calls: '7' },
        named: [{ packageId: `${id}.initech`, totals: { api_calls: '7' } }],
      },
    }),
  );
  expect(shown.stdout.split('\n')[1]).toMatch(/^REJECTED +1 package: nobody is billed/);
  expect(doctor.stdout.split('\n')[0]).toMatch(/^BAD +rejected packages +1 of /);
  expect(untouched).toMatchObject({ state: 'rejected', submission: 1 });
  expect(released.packages).toEqual([`${id}.initech`]);
  expect(await headOf('initech')).toMatchObject({ state: 'processed', revision: 1, submission: 2 });
  expect(after).toMatchObject({ billed: { rejected: {}, lastProcessed: { api_calls: '27' } } });
  for (const command of [
    ['certificate', id, '--verify'],
    ['certificate', id, '--verify', '--run', before.run.id],
    ['reconcile', id],
  ]) {
    expect(await world.halfmonth(command)).toMatchObject({ exitCode: 0 });
  }
});

test('a mistaken give-up is undone by its id alone, and keeps the key that may have arrived', async () => {
  await world.count([world.event('hooli', '3')]);
  world.api.setFaults({ unprocessed: 1 });
  await world.halfmonth(['run', id, '--follow', '--yes']);
  world.api.setFaults({ unprocessed: 0 });
  const { submission } = await headOf('hooli');
  await world.halfmonth(['parked', 'give-up', `${id}.hooli`, '--reason', 'test client', '--yes']);

  const all = await world.halfmonth(['parked', 'release', '--rejected', id, '--reason', 'all', '--yes']);
  const one = await world.halfmonth(['parked', 'release', `${id}.hooli`, '--reason', 'no test client', '--yes']);
  await world.halfmonth(['run', id, '--follow', '--yes']);

  expect(all.stdout).toContain(`The API has rejected no package of ${id}.`);
  expect(one.exitCode).toBe(0);
  expect(await headOf('hooli')).toMatchObject({ state: 'processed', submission });
  expect(await world.halfmonth(['certificate', id, '--verify'])).toMatchObject({ exitCode: 0 });
  expect(world.api.report()).toMatchObject({ acceptedTwice: 0, totals: { [id]: { api_calls: '30' } } });
}, 240_000);

test('what is processed cannot be released', async () => {
  const { exitCode, stderr } = await world.halfmonth([
    ...['parked', 'release', `${id}.acme`, '--reason', 'again', '--yes'],
  ]);

  expect(exitCode).toBe(1);
  expect(stderr).toContain('is processed, not parked or rejected');
});

test('release wants to know which', async () => {
  const { exitCode, stderr } = await world.halfmonth(['parked', 'release', '--reason', 'again', '--yes']);

  expect(exitCode).toBe(2);
  expect(stderr).toContain('--rejected');
});

test('all certificates of the stage are one signed chain, which an auditor checks with the public key alone', async () => {
  const certified = ((await world.json(['certificate', id])) as { certificate: Certificate }).certificate;
  const [file, key] = [join(world.folder, 'certificate.json'), join(world.folder, 'key.pem')];
  await world.halfmonth(['certificate', id, '--save', file]);
  await world.halfmonth(['certificate', '--save-key', key]);
  const changed = join(world.folder, 'changed.json');
  writeFileSync(changed, readFileSync(file, 'utf8').replace(/"total":\d+/, '"total":9'));

  // A folder without a cloud, and a machine without credentials.
  const elsewhere = mkdtempSync(join(tmpdir(), 'halfmonth-auditor-'));
  const genuine = await callCommand(['certificate', '--verify', file, '--key', key], { folder: elsewhere });
  const forged = await callCommand(['certificate', '--verify', changed, '--key', key], { folder: elsewhere });
  const inTheBooks = await world.halfmonth(['certificate', id, '--verify']);
  rmSync(elsewhere, { recursive: true });

  expect(certified).toMatchObject({ number: expect.any(Number), signature: { algorithm: 'ECDSA_SHA_256' } });
  expect(certified.number).toBeGreaterThan(1);
  expect(genuine).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('is genuine') });
  expect(forged).toMatchObject({ exitCode: 3, stdout: expect.stringContaining('disagrees: hash of the certificate') });
  expect(inTheBooks).toMatchObject({ exitCode: 0 });
});
