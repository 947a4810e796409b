import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CommandLineWorld, type CommandResult, startCommandLineWorld } from '../../fixtures/command-line.ts';
import { deviations, documentedShapes } from '../../fixtures/documented-shapes.ts';
import { until } from '../../fixtures/until.ts';

const answers = new Map<string, Record<string, unknown>>();
let world: CommandLineWorld;
/** What `reconcile` said while a run was under way. */
let inMidRun: CommandResult;

/** One closing day, in which every list has something in it; keeps what each command answers. */
beforeAll(async () => {
  world = await startCommandLineWorld();
  const { id, from, to } = world.period;
  const ask = async (command: string, ...args: string[]) => {
    const answer = await world.json([...command.split(' '), ...args]);
    if ('error' in answer) throw new Error(`${command} failed: ${JSON.stringify(answer.error)}`);
    answers.set(command, answer);
    return answer;
  };
  const events = ['acme', 'globex'].map((client) => JSON.stringify(world.event(client, '2')));
  writeFileSync(join(world.folder, 'day.ndjson'), [...events, 'no JSON'].join('\n'));
  await ask('send', 'day.ndjson');
  await world.count([world.event('acme', 'many')]);
  await ask('rejected');
  await ask('run --preview', id);
  world.api.setFaults({ unprocessed: 1 });
  await ask('run --follow', id, '--yes');
  await ask('watch', id);
  await ask('parked', id);
  await ask('explain', 'acme', id);
  await ask('quota');
  await ask('token');
  const { executions } = (await ask('executions')) as { executions: { name: string }[] };
  const name = executions[0]?.name ?? '';
  await ask('execution', name);
  world.api.setFaults({ unprocessed: 0 });
  await ask('parked release', `${id}.acme`, '--reason', 'API mended', '--yes');
  await ask('parked give-up', `${id}.globex`, '--reason', 'test client', '--yes');
  await ask('redrive', name, '--yes');
  await until('the end of the run', async () => {
    const { run } = (await ask('status', id)) as { run: { status: string } };
    return run.status === 'SUCCEEDED' ? run : undefined;
  });
  await world.count([world.event('acme', '1')]);
  await ask('late', id);
  await ask('periods');
  await ask('packages', id);
  await ask('package', `${id}.acme`);
  await ask('usage', 'acme', '--from', from, '--to', to);
  await ask('clients', id);
  await ask('variance', id);
  await ask('certificate', id);
  await ask('certificate --verify', id);
  await ask('certificate --save-key', 'key.pem');
  await ask('reconcile', id);
  await ask('check-api', '--yes');
  await ask('export', id);
  await ask('doctor');
  await ask(
    'correct',
    'acme',
    id,
    '--meter',
    'api_calls',
    '--from',
    from,
    '--to',
    to,
    '--reason',
    'load test',
    '--yes',
  );
  await queueForLater(world.event('acme', '1'));
  const { executionArn } = (await ask('run', id, '--queue-wait', '600', '--yes')) as { executionArn: string };
  inMidRun = await world.halfmonth(['reconcile', id]);
  await ask('stop', executionArn, '--reason', 'the test is over', '--yes');
}, 400_000);

afterAll(() => world?.stop());

/** An event that the queue gives out only long after: a run that waits for it is under way until it is stopped. */
async function queueForLater(event: object): Promise<void> {
  const { region, credentials, endpoints, outputs } = world.cloud;
  const sqs = new SQSClient({ region, credentials, endpoint: endpoints.sqs });
  const QueueUrl = outputs.EventsQueueUrl;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(event), DelaySeconds: 900 }));
  sqs.destroy();
}

// Who verifies by a key alone has no cloud; on what a run holds the test of the gate decides; evidence and forget
// need an archive, and restore a table that was restored.
const UNASKED = ['certificate --verify --key', 'approve', 'refuse', 'evidence', 'forget', 'restore'];
const documented = documentedShapes();

test('the documentation has the shape of every answer', () => {
  expect([...documented.keys()].sort()).toEqual([...answers.keys(), ...UNASKED].sort());
});

test.each([...documented.keys()].filter((command) => !UNASKED.includes(command)))(
  'the answer of %s has the documented shape',
  (command) => {
    const { schemaVersion, command: named, target, ...fields } = answers.get(command) ?? {};

    expect({ schemaVersion, named, target }).toEqual({
      schemaVersion: 1,
      named: command,
      target: { kind: 'local', name: 'local', region: 'eu-central-1' },
    });
    expect(deviations(fields, documented.get(command) ?? new Map())).toEqual([]);
  },
);

/** All that is no object in a value. */
function leavesOf(value: unknown): unknown[] {
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(leavesOf) : [value];
}

test('every moment in an answer is RFC 3339 in UTC with milliseconds, and none is a number', () => {
  const leaves = leavesOf([...answers.values()]);
  const moments = leaves.filter((leaf): leaf is string => /^\d{4}-\d\d-\d\dT/.test(String(leaf)));

  expect(leaves.filter((leaf) => typeof leaf === 'number' && leaf > 1e12)).toEqual([]);
  expect(moments.length).toBeGreaterThan(50);
  expect(moments.filter((moment) => !/^.{10}T.{8}\.\d{3}Z$/.test(moment))).toEqual([]);
});

test('reconcile says that a run is under way, whose sending may explain a difference', () => {
  expect(inMidRun.stdout).toMatch(/The run \S+ is under way: .*Look again at its end: npx halfmonth watch/);
});
