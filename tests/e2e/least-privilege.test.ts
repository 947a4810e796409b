import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand, StopExecutionCommand } from '@aws-sdk/client-sfn';
import { SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { lastEndedPeriod } from '../../lib/periods/periods.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';
import { MeterStore } from '../../lib/store/meter-store.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud/local-cloud.ts';
import type { ObservedAwsCall } from '../../local/cloud/observer.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../../local/packaging/package-service.ts';
import { invoiceApiEnvironment, TOKEN_PARAMETER } from '../../local/start/invoice-api-environment.ts';
import { untilDrained } from '../../local/start/queue-drained.ts';
import { consumptionEvent } from '../fixtures/consumption-events.ts';
import {
  type AccessRequest,
  accessRequestsOf,
  type Grant,
  grantsOf,
  isAllowed,
  permissionsOf,
  uses,
} from '../fixtures/iam.ts';
import { packagedTemplate, type Template } from '../fixtures/packaged-service.ts';
import { resolved } from '../fixtures/resolved-template.ts';
import { allStates, functionOf as functionOfTask, packagedStateMachine } from '../fixtures/state-machine.ts';
import { until } from '../fixtures/until.ts';

const STAGE = 'local';
const period = lastEndedPeriod(Date.now(), new BillingCalendar('UTC', 5));

/** Allowed, and not called by any function's code here: who uses it, or when. */
const UNUSED_WITH_REASON: Record<string, string> = {
  'logs:CreateLogStream': 'Lambda itself, for every function',
  'logs:PutLogEvents': 'Lambda itself, for every function',
  'xray:PutTraceSegments': 'Lambda and Step Functions themselves',
  'xray:PutTelemetryRecords': 'Lambda and Step Functions themselves',
  'xray:GetSamplingRules': 'Step Functions itself',
  'xray:GetSamplingTargets': 'Step Functions itself',
  'logs:CreateLogDelivery': 'Step Functions itself, to write its log',
  'logs:GetLogDelivery': 'Step Functions itself, to write its log',
  'logs:UpdateLogDelivery': 'Step Functions itself, to write its log',
  'logs:DeleteLogDelivery': 'Step Functions itself, to write its log',
  'logs:ListLogDeliveries': 'Step Functions itself, to write its log',
  'logs:PutResourcePolicy': 'Step Functions itself, to write its log',
  'logs:DescribeResourcePolicies': 'Step Functions itself, to write its log',
  'logs:DescribeLogGroups': 'Step Functions itself, to write its log',
  'states:StartExecution': 'a Distributed Map starts its children; the local engine runs them inline',
  'states:DescribeExecution': 'a Distributed Map watches its children; the local engine runs them inline',
  'states:StopExecution': 'a Distributed Map stops its children; the local engine runs them inline',
  'states:RedriveExecution': 'a redrive of a Distributed Map redrives its children',
  'kms:Decrypt': 'Parameter Store, for a token under a key of the user (`operations.tokenKeyArn`)',
  'sqs:ReceiveMessage': 'the event source mapping, with the role of its function',
  'sqs:DeleteMessage': 'the event source mapping, with the role of its function',
  'sqs:GetQueueAttributes': 'the event source mapping, with the role of its function',
};

/** Allowed to one function, for what this run does not go through. */
const UNUSED_BY_FUNCTION: Record<string, string> = {
  [`closePeriod dynamodb:BatchGetItem table/halfmonth-${STAGE}-packages`]:
    'the ledger of late usage, where events came after the account was made',
  [`aggregateEvents dynamodb:Query table/halfmonth-${STAGE}-usage-slices`]:
    'the pages of a slice that one busy client has filled',
  [`packageChunk dynamodb:DeleteItem table/halfmonth-${STAGE}-packages`]:
    'takes back a package that nobody has seen and that has nothing left to bill',
  [`packageChunk dynamodb:DeleteItem table/halfmonth-${STAGE}-runs`]:
    'a step that is taken again may leave fewer parts of its account',
  [`aggregateEvents sqs:ChangeMessageVisibility halfmonth-${STAGE}-events`]:
    'messages that failed while many are in flight',
  'assess events:PutEvents event-bus/default': 'only when packages are parked or too many have failed',
};

/** Only executions of the versions before call these; what they may do is what `take-turn` may, or less. */
const CALLED_BY_EARLIER_VERSIONS = ['bookQuota', 'sendChunk', 'checkChunk'].map((name) => `halfmonth-${STAGE}-${name}`);

let template: Template;
let requests: AccessRequest[];
let cloud: LocalCloud | undefined;
let api: InvoiceApiSimulator | undefined;

beforeAll(async () => {
  template = await packagedTemplate(STAGE);
  const calls: ObservedAwsCall[] = [];
  api = await startInvoiceApiSimulator({ profile: 'demo', seed: 1 });
  cloud = await startLocalCloud({
    packageFolder: await packageService({ stage: STAGE }),
    environmentOverrides: invoiceApiEnvironment(api.url, {
      invoiceApi: { kind: 'simulator', profile: 'demo', seed: 1 },
    }),
    parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
    observer: { onAwsCall: (call) => calls.push(call) },
  });
  await goThroughAPeriod(cloud);
  const machine = await packagedStateMachine(STAGE);
  const invoked = allStates(machine).flatMap(([, state]) =>
    state.Resource
      ? [{ caller: 'state-machine', action: 'lambda:InvokeFunction', resource: functionOfTask(state) }]
      : [],
  );
  requests = distinct([...calls.flatMap(accessRequestsOf), ...invoked]);
}, 300_000);

afterAll(async () => {
  await cloud?.stop();
  await api?.stop();
});

/**
 * What happens to a period in its life: counting, a run that is stopped, the close, late usage, a correction, a
 * preview.
 */
async function goThroughAPeriod({ endpoints, outputs, region, credentials, functionOf }: LocalCloud): Promise<void> {
  const access = { region, credentials };
  const sqs = new SQSClient({ ...access, endpoint: endpoints.sqs });
  const sfn = new SFNClient({ ...access, endpoint: endpoints.stepFunctions });
  const signal = AbortSignal.timeout(240_000);
  const queueUrl = String(outputs.EventsQueueUrl);
  const stateMachineArn = String(outputs.BillingPeriodStateMachineArn);
  const count = async (...bodies: string[]) => {
    await sendMessages(sqs, queueUrl, bodies, () => {}, signal);
    await untilDrained(sqs, queueUrl, () => {}, signal);
  };
  const statusOf = async (executionArn: string | undefined) =>
    (await sfn.send(new DescribeExecutionCommand({ executionArn }))).status;
  const start = (input: object) =>
    sfn.send(new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ period: period.id, ...input }) }));
  const run = async (input: object) => {
    const { executionArn } = await start(input);
    await until('the run to end', async () => ((await statusOf(executionArn)) === 'RUNNING' ? undefined : true), 120);
    expect(await statusOf(executionArn)).toBe('SUCCEEDED');
  };
  const usageOf = (subject: string) => JSON.stringify(consumptionEvent({ subject, time: `${period.to}T12:00:00Z` }));
  const watch = async () => functionOf(`halfmonth-${STAGE}-watchPeriods`)?.invoke('{}');
  // Somebody decided since, or nobody did; Step Functions knows the token in neither case.
  const awaitApproval = (decisions: number) => {
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:gate`;
    const startedAt = new Date().toISOString();
    const waiting = { schemaVersion: 1, runId: 'gate', executionArn, startedAt, period, mode: 'close' };
    const event = { run: waiting, taskToken: 'token', held: 1, decisions };
    return functionOf(`halfmonth-${STAGE}-awaitApproval`)?.invoke(JSON.stringify(event));
  };
  const dynamodb = new DynamoDBClient({ ...access, endpoint: endpoints.dynamodb });
  const meters = new MeterStore({ client: dynamodb, runs: String(outputs.RunsTableName) });
  try {
    await meters.register('api_calls', { kind: 'sum', unit: 'calls' }, undefined, Date.now());
    await count(usageOf('client-a'), usageOf('client-b'), 'no JSON');
    await watch();
    const { executionArn } = await start({});
    await sfn.send(new StopExecutionCommand({ executionArn }));
    await run({ canary: 1, deadline: '2020-01-01T00:00:00Z' });
    await count(usageOf('client-a'));
    await watch();
    await run({ mode: 'preview' });
    await run({});
    await awaitApproval(0);
    await awaitApproval(1);
  } finally {
    dynamodb.destroy();
    sqs.destroy();
    sfn.destroy();
  }
}

function shortName(caller: string): string {
  return caller.replace(`halfmonth-${STAGE}-`, '');
}

function distinct(all: AccessRequest[]): AccessRequest[] {
  return [...new Map(all.map((request) => [JSON.stringify(request), request])).values()];
}

function policyOfKey(): unknown {
  return resolved(template, template.Resources.CertificateKey?.Properties?.KeyPolicy);
}

describe('least privilege', () => {
  test('every call that was made is allowed to the role that made it', async () => {
    const grants = new Map(grantsOf(template).map((grant) => [grant.caller, grant.policy]));
    const refused: AccessRequest[] = [];
    for (const request of requests) {
      const policy = grants.get(request.caller);
      const keyPolicy = request.action === 'kms:Sign' ? policyOfKey() : undefined;
      if (!policy || !(await isAllowed(request, policy, keyPolicy))) refused.push(request);
    }
    expect(requests.length).toBeGreaterThan(20);
    expect(refused).toEqual([]);
  });

  test('every action that is allowed on a resource was used, or has its reason', () => {
    const unused = grantsOf(template)
      .flatMap(permissionsOf)
      .filter(({ action }) => !(action in UNUSED_WITH_REASON))
      .filter(({ caller }) => !CALLED_BY_EARLIER_VERSIONS.includes(caller))
      .filter(({ resource }) => !CALLED_BY_EARLIER_VERSIONS.some((name) => resource.endsWith(`:${name}`)))
      .filter((permission) => !requests.some((request) => uses(request, permission)))
      .map(
        ({ caller, action, resource }) => `${shortName(caller)} ${action} ${resource.split(':').slice(5).join(':')}`,
      );
    expect(unused.filter((permission) => !(permission in UNUSED_BY_FUNCTION))).toEqual([]);
  });

  test('no action is a pattern, and a resource is one only where AWS knows no other', () => {
    const statements = grantsOf(template).flatMap(({ caller, policy }) =>
      policy.Statement.map((statement) => ({ caller, ...statement })),
    );
    expect(statements.filter(({ Action }) => [Action].flat().some((action) => action.includes('*')))).toEqual([]);
    const everywhere = statements.filter(({ Resource }) => [Resource].flat().includes('*'));
    const services = new Set(everywhere.flatMap(({ Action }) => [Action].flat()).map((action) => action.split(':')[0]));
    // X-Ray, the delivery of Step Functions' log, and what says that a waiting Task may go on.
    expect([...services].sort()).toEqual(['logs', 'states', 'xray']);
    for (const { caller, Action } of everywhere) {
      if ([Action].flat().some((action) => action.startsWith('logs:'))) expect(caller).toBe('state-machine');
      if ([Action].flat().some((action) => action.startsWith('states:'))) {
        expect([shortName(caller), ...[Action].flat()]).toEqual(['awaitApproval', 'states:SendTaskSuccess']);
      }
    }
  });

  test('no function may change or delete a certificate, though some may do so to other items of the same table', async () => {
    const grants = grantsOf(template).filter(({ caller }) => caller !== 'state-machine');
    const resource = `arn:aws:dynamodb:eu-central-1:000000000000:table/halfmonth-${STAGE}-runs`;
    const may = (grant: Grant, action: string, partition: string) =>
      isAllowed(
        { caller: grant.caller, action: `dynamodb:${action}`, resource, leadingKeys: [`${partition}#2026-11-H1`] },
        grant.policy,
      );
    const closing = grants.find(({ caller }) => caller.endsWith('closePeriod'));
    for (const grant of grants) {
      for (const action of ['UpdateItem', 'DeleteItem', 'BatchWriteItem']) {
        expect([grant.caller, action, await may(grant, action, 'certificate')]).toEqual([grant.caller, action, false]);
      }
    }
    expect(closing && (await may(closing, 'PutItem', 'certificate'))).toBe(true);
    expect(closing && (await may(closing, 'DeleteItem', 'period'))).toBe(true);
    expect(requests.some(({ leadingKeys }) => leadingKeys?.[0] === 'certificate#')).toBe(true);
  });

  test('only the function that closes a period may sign, whatever a role says', async () => {
    const policy = {
      Version: '2012-10-17',
      Statement: [
        { Effect: 'Allow', Action: 'kms:Sign', Resource: 'arn:aws:kms:eu-central-1:000000000000:key/CertificateKey' },
      ],
    };
    const maySign = (caller: string) =>
      isAllowed({ caller, action: 'kms:Sign', resource: String(policy.Statement[0]?.Resource) }, policy, policyOfKey());

    expect(await maySign(`halfmonth-${STAGE}-closePeriod`)).toBe(true);
    expect(await maySign(`halfmonth-${STAGE}-takeTurn`)).toBe(false);
    expect(await maySign('administrator')).toBe(false);
  });

  test('the state machine may redrive its own children', async () => {
    const grant = grantsOf(template).find(({ caller }) => caller === 'state-machine');
    const child = `arn:aws:states:eu-central-1:000000000000:execution:halfmonth-${STAGE}-billing-period/PackageChunks:1`;
    const ask = { caller: 'state-machine', action: 'states:RedriveExecution', resource: child };
    expect(grant && (await isAllowed(ask, grant.policy))).toBe(true);
    const other = child.replace('billing-period', 'other');
    expect(grant && (await isAllowed({ ...ask, resource: other }, grant.policy))).toBe(false);
  });
});
