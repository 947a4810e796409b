import { describe, expect, test } from '@jest/globals';
import { packagedTemplate, type Template } from '../../fixtures/packaged-service.ts';
import { faultsOfTemplate } from '../../fixtures/resource-schemas.ts';

describe.each(['prod', 'local'])('the template of %s', (stage) => {
  test('says of every resource what AWS publishes about its type, and nothing else', async () => {
    expect(faultsOfTemplate(await packagedTemplate(stage))).toEqual([]);
  });
});

describe('the check itself', () => {
  const queue = (properties: Record<string, unknown>): Template => ({
    Resources: { Queue: { Type: 'AWS::SQS::Queue', Properties: properties } },
  });
  const faultsWhen = (properties: Record<string, unknown>) => faultsOfTemplate(queue(properties));

  test('finds an unknown property', () => {
    expect(faultsWhen({ QueueNam: 'orders' })).toEqual(['Queue: unknown property QueueNam']);
  });

  test('finds a value that is none of the choices', () => {
    const schedule = {
      ScheduleExpression: 'rate(1 hour)',
      FlexibleTimeWindow: { Mode: 'OFF' },
      Target: { Arn: 'arn:aws:lambda:eu-west-1:1:function:f', RoleArn: 'arn:aws:iam::1:role/r' },
      State: 'PAUSED',
    };
    expect(
      faultsOfTemplate({ Resources: { Schedule: { Type: 'AWS::Scheduler::Schedule', Properties: schedule } } }),
    ).toEqual(['Schedule.State: expected string (ENABLED, DISABLED), not "PAUSED"']);
  });

  test('finds a wrong type', () => {
    expect(faultsWhen({ VisibilityTimeout: '30 s' })).toEqual([
      'Queue.VisibilityTimeout: expected integer, not "30 s"',
    ]);
  });

  test('finds a reference to what is not there', () => {
    expect(faultsWhen({ QueueName: { 'Fn::GetAtt': ['Nothing', 'Arn'] } })).toEqual([
      'Queue.QueueName: there is no resource Nothing',
    ]);
  });

  test('finds an attribute that the type does not have', () => {
    expect(faultsWhen({ QueueName: { 'Fn::GetAtt': ['Queue', 'Address'] } })).toEqual([
      'Queue.QueueName: AWS::SQS::Queue has no attribute Address',
    ]);
  });

  test('finds a missing property deep inside, and a value outside of the list', () => {
    const template: Template = {
      Resources: {
        Table: {
          Type: 'AWS::DynamoDB::Table',
          Properties: {
            KeySchema: [{ AttributeName: 'pk' }],
            SSESpecification: { SSEEnabled: 'yes' },
          },
        },
      },
    };
    expect(faultsOfTemplate(template)).toEqual([
      'Table.SSESpecification.SSEEnabled: expected boolean, not "yes"',
      'Table.KeySchema[0]: KeyType is missing',
    ]);
  });

  test('finds a type that AWS does not publish', () => {
    expect(faultsOfTemplate({ Resources: { Queue: { Type: 'AWS::SQS::Quere' } } })).toEqual([
      'Queue: AWS publishes no type AWS::SQS::Quere',
    ]);
  });
});
