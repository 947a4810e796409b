import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { callCommand } from '../../fixtures/command-line.ts';
import { consumptionEvent } from '../../fixtures/consumption-events.ts';
import { type DeployedStage, startDeployedStage } from '../../fixtures/deployed-stage.ts';
import { until } from '../../fixtures/until.ts';

let stage: DeployedStage;
let id: string;

beforeAll(async () => {
  stage = await startDeployedStage();
  id = stage.period.id;
}, 300_000);

afterAll(() => stage?.stop());

/** A command in a shell of its own making. */
function call(args: readonly string[], environment: Record<string, string>) {
  const { HOME = '' } = stage.shell;
  return callCommand(args, { folder: stage.folder, environment: { HOME, ...environment } });
}

// One closing day of a stage: each test goes on where the one before it ended.
describe('a closing day with --stage', () => {
  test('doctor finds the stage by the outputs of its stack, and all in order', async () => {
    const { exitCode, stdout, stderr } = await stage.halfmonth(['doctor']);

    expect(stdout).toContain('state machine       halfmonth-dev-billing-period is active');
    expect(stdout).toMatch(/ok +invoice API/);
    expect(stdout).toMatch(/ok +clocks +within 2 s/);
    expect(stdout).toMatch(/look +alarms +nobody gets them/);
    expect(stderr).toContain(`Talking to ${new URL(stage.cloud.endpoints.all).host}, not to AWS`);
    expect(exitCode).toBe(0);
  });

  test('doctor --ring sets an alarm off that means nothing', async () => {
    const { exitCode, stdout } = await stage.halfmonth(['doctor', '--ring']);

    expect(stdout).toMatch(/ok +rehearsal +halfmonth-dev-Rehearsal rang after .* told 1 topic/);
    expect(exitCode).toBe(0);
  });

  test('send puts events on the queue of the stage, and nothing complains of its address', async () => {
    const events = ['acme', 'globex'].map((subject) =>
      JSON.stringify(consumptionEvent({ subject, time: `${stage.period.from}T12:00:00Z`, quantity: '2.5' })),
    );

    const { exitCode, stdout, stderr } = await stage.halfmonth(['send', '-'], events.join('\n'));
    await stage.untilCounted();
    const usage = await stage.json(['usage', 'acme', '--from', stage.period.from, '--to', stage.period.to]);

    expect(stdout).toContain('2 events on the queue');
    expect(stderr).not.toContain('QueueUrl');
    expect(exitCode).toBe(0);
    expect(usage).toMatchObject({
      target: { kind: 'aws', name: 'dev', region: stage.region },
      totals: { api_calls: '2.5' },
    });
  });

  test('run --follow watches a run that ends with parked packages', async () => {
    stage.api.setFaults({ unprocessed: 1 });

    const { exitCode, stdout } = await stage.halfmonth(['run', id, '--follow', '--yes']);

    expect(stdout).toContain('PackagesParked');
    expect(stdout).toMatch(/npx halfmonth execution --stage dev --region \S+ \S+/);
    expect(exitCode).toBe(1);
  });

  test('after a release, redrive lets the execution that failed go on to its end', async () => {
    stage.api.setFaults({ unprocessed: 0 });
    const { executions } = (await stage.json(['executions'])) as { executions: { name: string; status: string }[] };
    const ids = ['acme', 'globex'].map((client) => `${id}.${client}`);

    const released = await stage.halfmonth(['parked', 'release', ...ids, '--reason', 'API mended', '--yes']);
    const redriven = await stage.halfmonth(['redrive', executions[0]?.name ?? '', '--yes']);
    const status = await until('the end of the run', async () => {
      const now = (await stage.json(['status', id])) as { run: { status: string } };
      return now.run.status === 'RUNNING' ? undefined : now;
    });

    expect(executions).toMatchObject([{ status: 'FAILED' }]);
    expect([released.exitCode, redriven.exitCode]).toEqual([0, 0]);
    expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { total: 2, processed: 2 } });
  });

  test('the certificate names who started, released and redrove, as AWS knows the caller', async () => {
    const { certificate } = (await stage.json(['certificate', id])) as { certificate: Certificate };
    const { stdout } = await stage.halfmonth(['package', `${id}.acme`]);

    const by = { knownBy: 'aws', name: expect.stringMatching(/^arn:aws:iam::000000000000:user\/./) };
    expect(certificate.interventions).toMatchObject([
      { kind: 'run', by, count: 1 },
      { kind: 'release', by, subjects: [`${id}.acme`, `${id}.globex`], count: 2, reason: 'API mended' },
      { kind: 'redrive', by, count: 1 },
    ]);
    expect(stdout).toMatch(/release r1\.s\d+: ready \(by arn:aws:iam::000000000000:user\/\S+\): API mended/);
  });

  test('packages lists them, and the certificate verifies against tables and API', async () => {
    const packages = await stage.halfmonth(['packages', id, '--status', 'processed']);
    const verified = await stage.halfmonth(['certificate', id, '--verify']);

    expect(packages.stdout).toMatch(new RegExp(`${id}.acme[\\s\\S]*${id}.globex`));
    expect(verified.stdout).toContain('agrees line by line');
    expect(verified.exitCode).toBe(0);
  });
});

describe('where the SDK looks for it', () => {
  test('an address for one service comes before the one for all', async () => {
    const { AWS_ENDPOINT_URL = '', ...services } = stage.cloud.environment;
    const nobody = 'http://127.0.0.1:9';
    const environment = { ...services, AWS_ENDPOINT_URL_CLOUDFORMATION: AWS_ENDPOINT_URL, AWS_ENDPOINT_URL: nobody };

    const reached = await call(['status', id, '--stage', 'dev'], environment);
    const lost = await call(['status', id, '--stage', 'dev'], { ...environment, AWS_ENDPOINT_URL_DYNAMODB: nobody });

    expect(reached).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/processed +2/) });
    expect(lost).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('Nothing answers there') });
  });

  test('--profile names keys, region and address', async () => {
    mkdirSync(join(stage.folder, '.aws'), { recursive: true });
    const profile = [
      '[profile billing]',
      `region = ${stage.region}`,
      `aws_access_key_id = ${stage.cloud.credentials.accessKeyId}`,
      `aws_secret_access_key = ${stage.cloud.credentials.secretAccessKey}`,
      `endpoint_url = ${stage.cloud.endpoints.all}`,
    ];
    writeFileSync(join(stage.folder, '.aws', 'config'), `${profile.join('\n')}\n`);

    const { exitCode, stdout } = await call(['status', id, '--stage', 'dev', '--profile', 'billing'], {});

    expect(stdout).toMatch(/processed +2/);
    expect(exitCode).toBe(0);
  });
});

describe('what cannot be found is said, with the next thing to try', () => {
  const dev = ['--stage', 'dev'];
  const here = ['--region', 'eu-central-1'];
  test.each([
    ['no such stack', ['--stage', 'prod', ...here], {}, 1, /no stack halfmonth-prod in eu-central-1.*--stage dev/s],
    ['another region', [...dev, '--region', 'us-east-1'], {}, 1, /no stack halfmonth-dev in us-east-1.*--region/s],
    ['no name of a stage', ['--stage', 'dev_1', ...here], {}, 2, /"dev_1" is not the name of a stage/],
    ['no region', dev, {}, 2, /Which region.*--region eu-central-1/s],
    [
      'no credentials',
      [...dev, ...here],
      { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' },
      1,
      /credentials.*aws sso login.*--profile/s,
    ],
    ['no such profile', [...dev, ...here, '--profile', 'nobody'], {}, 1, /nobody.*--profile/s],
    ['nobody there', [...dev, ...here], { AWS_ENDPOINT_URL: 'http://127.0.0.1:9' }, 1, /AWS_ENDPOINT_URL/],
    ['a region and no stage', here, {}, 2, /--region and --profile are for AWS/],
  ])('%s', async (_what, options, environment, expected, words) => {
    const { exitCode, stdout, stderr } = await call(['status', ...options], { ...stage.shell, ...environment });

    expect(stderr).toMatch(words);
    expect(stdout).toBe('');
    expect(exitCode).toBe(expected);
  });

  test('with --json the failure is one object, which says what to try', async () => {
    const { AWS_ENDPOINT_URL = '' } = stage.shell;
    const { exitCode, stdout } = await call(['status', ...dev, ...here, '--json'], { AWS_ENDPOINT_URL });

    expect(JSON.parse(stdout)).toMatchObject({
      error: { code: 'NO_CREDENTIALS', message: expect.stringContaining('aws sso login') },
    });
    expect(exitCode).toBe(1);
  });
});
