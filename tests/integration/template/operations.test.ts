import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { packagedTemplate, resourcesOf, type Template } from '../../fixtures/packaged-service.ts';
import { resolved } from '../../fixtures/resolved-template.ts';

let template: Template;
beforeAll(async () => {
  template = await packagedTemplate('prod');
});

/** The resources of a type, with names and ARNs in the place of references. */
function deployed(type: string): [id: string, properties: Record<string, unknown>][] {
  const resources = resourcesOf(template, type);
  expect(resources).not.toEqual([]);
  return resources.map(([id, properties]) => [id, resolved(template, properties) as Record<string, unknown>]);
}

const idsOf = (type: string) => resourcesOf(template, type).map(([id]) => id);

describe('queues', () => {
  test('are encrypted and keep messages as long as SQS can', () => {
    for (const [id, queue] of deployed('AWS::SQS::Queue')) {
      expect({ id, ...queue }).toMatchObject({ id, SqsManagedSseEnabled: true, MessageRetentionPeriod: 14 * 86_400 });
    }
  });

  test('refuse every request that does not come over TLS', () => {
    const denials = Object.fromEntries(
      deployed('AWS::SQS::QueuePolicy').map(([, { PolicyDocument, Queues }]) => [
        String(Queues),
        (PolicyDocument as { Statement: object[] }).Statement[0],
      ]),
    );
    for (const id of idsOf('AWS::SQS::Queue')) {
      expect(denials[String(resolved(template, { Ref: id }))]).toMatchObject({
        Effect: 'Deny',
        Principal: '*',
        Action: 'sqs:*',
        Resource: resolved(template, { 'Fn::GetAtt': [id, 'Arn'] }),
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      });
    }
  });

  test('that feed a function hide a message six times as long as the function may run, and have a dead-letter queue', () => {
    for (const [, { EventSourceArn, FunctionName, MaximumBatchingWindowInSeconds }] of deployed(
      'AWS::Lambda::EventSourceMapping',
    )) {
      const queue = find('AWS::SQS::Queue', String(EventSourceArn));
      const consumer = find('AWS::Lambda::Function', String(FunctionName));
      expect(queue.VisibilityTimeout).toBeGreaterThanOrEqual(
        6 * Number(consumer.Timeout) + Number(MaximumBatchingWindowInSeconds),
      );
      expect(queue.RedrivePolicy).toMatchObject({ maxReceiveCount: 12 });
    }
  });

  test('hand over as much as SQS and Lambda allow, report single failures, and bound the concurrency', () => {
    const [mapping] = deployed('AWS::Lambda::EventSourceMapping');
    expect(mapping?.[1]).toMatchObject({
      BatchSize: 10_000,
      MaximumBatchingWindowInSeconds: readSettings('prod').ingest.batchWindowSeconds,
      FunctionResponseTypes: ['ReportBatchItemFailures'],
      ScalingConfig: { MaximumConcurrency: 10 },
    });
  });
});

describe('data in production', () => {
  test('is encrypted, can be restored to any second, is billed on demand, and cannot be deleted', () => {
    for (const [id, table] of deployed('AWS::DynamoDB::Table')) {
      expect({ id, ...table }).toMatchObject({
        id,
        BillingMode: 'PAY_PER_REQUEST',
        DeletionProtectionEnabled: true,
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        SSESpecification: { SSEEnabled: true },
      });
    }
  });

  test('outlives the stack', () => {
    const ids = [...idsOf('AWS::DynamoDB::Table'), 'EventsQueue', 'EventsDeadLetterQueue', 'RejectedQueue'];
    for (const id of ids) {
      expect({ id, ...template.Resources[id] }).toMatchObject({
        id,
        DeletionPolicy: 'Retain',
        UpdateReplacePolicy: 'Retain',
      });
    }
  });

  test('goes by itself where it is of no use any more: slices and what belongs to a run alone', () => {
    const expiring = deployed('AWS::DynamoDB::Table').filter(([, table]) => table.TimeToLiveSpecification);
    expect(expiring.map(([id]) => id)).toEqual(['UsageSlicesTable', 'RunsTable']);
    for (const [, table] of expiring) {
      expect(table.TimeToLiveSpecification).toEqual({ AttributeName: 'expiresAt', Enabled: true });
    }
  });

  test('of a stage for trying goes with the stack', async () => {
    const local = await packagedTemplate('local');
    expect(local.Resources.PackagesTable).toMatchObject({
      DeletionPolicy: 'Delete',
      Properties: { DeletionProtectionEnabled: false },
    });
  });
});

describe('what can be seen', () => {
  test('every function logs JSON into a log group of its own that forgets', () => {
    const groups = Object.fromEntries(
      deployed('AWS::Logs::LogGroup').map(([, group]) => [group.LogGroupName, group.RetentionInDays]),
    );
    for (const [, { FunctionName, LoggingConfig }] of deployed('AWS::Lambda::Function')) {
      expect(LoggingConfig).toMatchObject({ LogFormat: 'JSON' });
      expect(groups[`/aws/lambda/${FunctionName}`]).toBe(90);
    }
  });

  test('every function and the state machine are traced', () => {
    for (const [id, { TracingConfig }] of deployed('AWS::Lambda::Function')) {
      expect({ id, TracingConfig }).toEqual({ id, TracingConfig: { Mode: 'Active' } });
    }
    for (const [, { TracingConfiguration }] of deployed('AWS::StepFunctions::StateMachine')) {
      expect(TracingConfiguration).toEqual({ Enabled: true });
    }
  });

  test('the state machine logs errors, and no payload', () => {
    const [machine] = deployed('AWS::StepFunctions::StateMachine');
    expect(machine?.[1].LoggingConfiguration).toMatchObject({ Level: 'ERROR', IncludeExecutionData: false });
  });
});

describe('the schedule', () => {
  test('knows the time zone, tries again for a day, and keeps what it could not deliver', () => {
    const schedule = Object.fromEntries(deployed('AWS::Scheduler::Schedule')).BillingPeriodSchedule;
    expect(schedule).toMatchObject({
      ScheduleExpression: 'cron(0 2 2,17 * ? *)',
      ScheduleExpressionTimezone: 'UTC',
      State: 'ENABLED',
      Target: {
        Arn: resolved(template, { Ref: 'BillingPeriodStateMachine' }),
        RetryPolicy: { MaximumEventAgeInSeconds: 86_400, MaximumRetryAttempts: 185 },
        DeadLetterConfig: { Arn: resolved(template, { 'Fn::GetAtt': ['ScheduleDeadLetterQueue', 'Arn'] }) },
      },
    });
  });
});

test('no function is kept warm unless the settings ask for it', () => {
  expect(idsOf('AWS::Lambda::Alias')).toEqual([]);
});

test('the invoice API token is not in the template', () => {
  const variables = deployed('AWS::Lambda::Function').flatMap(([, { Environment }]) =>
    Object.keys((Environment as { Variables: object }).Variables),
  );
  expect(variables.filter((name) => /TOKEN|SECRET|PASSWORD/.test(name) && !name.endsWith('_PARAMETER'))).toEqual([]);
});

function find(type: string, arn: string): Record<string, unknown> {
  const match = resourcesOf(template, type).find(([id]) => resolved(template, { 'Fn::GetAtt': [id, 'Arn'] }) === arn);
  expect(match).toBeDefined();
  return resolved(template, match?.[1]) as Record<string, unknown>;
}

describe('removing a stage', () => {
  /** What CloudFormation leaves there when the stack goes. */
  const retained = async (stage: string) =>
    Object.entries((await packagedTemplate(stage)).Resources)
      .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
      .map(([id]) => id)
      .sort();

  test('leaves what money rests on, as the operating page says', async () => {
    const page = readFileSync('docs/operating.md', 'utf8');
    const left = await retained('prod');

    expect(left).toEqual(
      expect.arrayContaining([
        'CertificateKey',
        'DailyRecordsTable',
        'EventsDeadLetterQueue',
        'EventsQueue',
        'PackagesTable',
        'RejectedQueue',
        'RunsTable',
        'UsageSlicesTable',
      ]),
    );
    for (const [, { TableName }] of deployed('AWS::DynamoDB::Table'))
      expect(page).toContain(`-${String(TableName).replace('halfmonth-prod-', '')}\``);
  });

  test('of a stage that keeps no data leaves nothing', async () => {
    expect(await retained('dev')).toEqual([]);
  });
});
