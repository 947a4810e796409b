import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { unzipSync } from 'fflate';
import { type ControlPlane, startControlPlane } from '../fixtures/control-plane/control-plane.ts';
import { packagedTemplate, resourcesOf, type Template } from '../fixtures/packaged-service.ts';
import { copyService, type FrameworkResult, type ServiceCopy } from '../fixtures/service-copy.ts';

const STACK = 'halfmonth-prod';
const STAGE = ['--stage', 'prod'];
const INVOICE_API = '--param=invoiceApiUrl=https://invoices.example.com';
const RECEIVER = '--param=alarmEmail=billing-on-call@example.com';
const STACK_TRACE = /^ +at /m;
const ACCESS_KEY_ID = 'AKIAOFTHEDEPLOYER';

let controlPlane: ControlPlane;
let service: ServiceCopy;
let packagingCopy: ServiceCopy;
let inTheCloud: Record<string, string>;
let deployed: FrameworkResult;
let packaged: FrameworkResult;
let checkedElsewhere: Template;

beforeAll(async () => {
  controlPlane = await startControlPlane();
  service = copyService();
  packagingCopy = copyService();
  inTheCloud = {
    // By name: a bucket in front of such a host has no address.
    AWS_ENDPOINT_URL: controlPlane.endpoint.replace('127.0.0.1', 'localhost'),
    AWS_ACCESS_KEY_ID: ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: 'a-secret-of-the-deployer',
    SLS_AWS_MONITORING_FREQUENCY: '100',
  };
  [deployed, packaged, checkedElsewhere] = await Promise.all([
    service.serverless(['deploy', ...STAGE, INVOICE_API, RECEIVER], inTheCloud),
    packagingCopy.serverless(['package', ...STAGE, INVOICE_API, RECEIVER]),
    packagedTemplate('prod'),
  ]);
}, 400_000);

afterAll(async () => {
  service?.remove();
  packagingCopy?.remove();
  await controlPlane?.stop();
});

describe('serverless deploy to an endpoint that speaks the APIs of AWS', () => {
  let template: Template;

  beforeAll(() => {
    template = controlPlane.stacks.templateOf(STACK);
  });

  test('succeeds, and the stack is whole', () => {
    expect(deployed).toMatchObject({
      exitCode: 0,
      output: expect.stringContaining(`Service deployed to stack ${STACK}`),
    });
    expect(controlPlane.stacks.statusOf(STACK)).toBe('UPDATE_COMPLETE');
  });

  test('asks that endpoint alone, each time as the one whose credentials the environment has', () => {
    const { host } = new URL(String(inTheCloud.AWS_ENDPOINT_URL));
    expect(new Set(deployed.network)).toEqual(new Set([`connect ${host}`]));
    expect(new Set(controlPlane.requests.map(({ accessKeyId }) => accessKeyId))).toEqual(new Set([ACCESS_KEY_ID]));
    expect(new Set(controlPlane.requests.map(({ service: name }) => name))).toEqual(
      new Set(['sts', 'cloudformation', 's3', 'lambda']),
    );
  });

  test('gives CloudFormation the template that the other tests check', () => {
    expect(withoutDeploymentTime(template)).toEqual(withoutDeploymentTime(checkedElsewhere));
  });

  test('has uploaded, for each function, the bundle that packaging made, under the key that the template names', () => {
    const bucket = controlPlane.stacks.physicalIdOf(STACK, 'ServerlessDeploymentBucket');
    const functions = resourcesOf(template, 'AWS::Lambda::Function');

    expect(functions).toHaveLength(14);
    for (const [, { Code, Handler }] of functions) {
      const key = (Code as { S3Key: string }).S3Key; // the framework's form
      const zip = key.slice(key.lastIndexOf('/') + 1);
      const uploaded = controlPlane.objects.read(bucket, key);
      expect(uploaded.equals(readFileSync(join(service.folder, '.serverless', zip)))).toBe(true);
      expect(Object.keys(unzipSync(uploaded))).toContain(String(Handler).replace(/\.handler$/, '.mjs'));
    }
  });

  test('has nothing to do the second time, and can be undone', async () => {
    const before = controlPlane.requests.length;
    const again = await service.serverless(
      ['deploy', ...STAGE, INVOICE_API, RECEIVER, '--package', '.serverless'],
      inTheCloud,
    );
    const operations = controlPlane.requests.slice(before).map(({ operation }) => operation);
    expect(again).toMatchObject({ exitCode: 0, output: expect.stringContaining('No changes to deploy') });
    expect(operations.filter((operation) => /^PUT|ChangeSet/.test(operation))).toEqual([]);

    const removed = await service.serverless(['remove', ...STAGE], inTheCloud);
    expect(removed).toMatchObject({ exitCode: 0, output: expect.stringContaining('successfully removed') });
    expect(() => controlPlane.stacks.statusOf(STACK)).toThrow('does not exist');
  }, 120_000);
});

describe('serverless package', () => {
  test('needs neither credentials nor network', () => {
    expect(packaged).toMatchObject({ exitCode: 0, network: [] });
    const file = join(packagingCopy.folder, '.serverless', 'cloudformation-template-update-stack.json');
    expect(Object.keys(JSON.parse(readFileSync(file, 'utf8')).Resources)).toContain('BillingPeriodStateMachine');
  });

  test('says what to do about a missing address of the invoice API', async () => {
    const { exitCode, output } = await service.serverless(['package', ...STAGE]);
    expect(exitCode).toBe(1);
    expect(output).toContain('The parameter invoiceApiUrl is missing');
    expect(output).toContain('Pass it along: --stage prod --param="invoiceApiUrl=https://');
    expect(output).not.toMatch(STACK_TRACE);
  }, 120_000);

  test('stops for a name of the token that no role could allow', async () => {
    const parameter = '--param=invoiceApiTokenParameter=invoice-token';
    const { exitCode, output } = await service.serverless(['package', '--stage', 'dev', INVOICE_API, parameter]);
    expect(exitCode).toBe(1);
    expect(output).toContain('"invoice-token" must be a path that begins with a slash');
    expect(output).not.toMatch(STACK_TRACE);
  }, 120_000);

  test('stops for a stage of real money whose alarms would reach nobody, and for no other', async () => {
    const [prod, dev] = [
      await service.serverless(['package', ...STAGE, INVOICE_API]),
      await service.serverless(['package', '--stage', 'dev', INVOICE_API]),
    ];

    expect(prod.exitCode).toBe(1);
    expect(prod.output).toContain('Nobody would get the alarms of the stage prod');
    expect(prod.output).toContain('--param="alarmEmail=');
    expect(prod.output).not.toMatch(STACK_TRACE);
    expect(dev.exitCode).toBe(0);
  }, 120_000);

  test('names the path of each setting that it does not know or cannot use, without a stack trace', async () => {
    const file = join(packagingCopy.folder, 'config', 'prod.yml');
    const settings = readFileSync(file, 'utf8').replace('graceHours: 26', 'graceHours: soon');
    writeFileSync(file, `${settings}  alarmEmial: billing@example.com\n`);
    const { exitCode, output } = await packagingCopy.serverless(['package', ...STAGE, INVOICE_API, RECEIVER]);
    expect(exitCode).toBe(1);
    expect(output).toContain('config/prod.yml cannot be used:');
    expect(output).toContain('billing.graceHours: ');
    expect(output).toMatch(/operations: .*alarmEmial/);
    expect(output).not.toMatch(STACK_TRACE);
  }, 120_000);
});

/** Keys of uploaded code begin with the moment of the packaging. */
function withoutDeploymentTime(template: Template): Template {
  return JSON.parse(JSON.stringify(template).replaceAll(/\d{13}-\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'moment'));
}
