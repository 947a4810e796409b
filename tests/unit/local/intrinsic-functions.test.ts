import { expect, test } from '@jest/globals';
import { resolverOf } from '../../../local/cloud/template/intrinsic-functions.ts';
import { stackOf } from '../../../local/cloud/template/stack.ts';
import type { Template } from '../../../local/cloud/template/template.ts';

const TEMPLATE: Template = {
  Parameters: { Size: { Default: 5 } },
  Conditions: { IsLocal: { 'Fn::Equals': [{ Ref: 'Size' }, '5'] }, IsOther: { 'Fn::Not': [{ Condition: 'IsLocal' }] } },
  Resources: {
    Table: { Type: 'AWS::DynamoDB::Table', Properties: { TableName: { 'Fn::Sub': 'usage-${Size}' } } },
    Queue: { Type: 'AWS::SQS::Queue', Properties: { QueueName: 'events' } },
    Machine: { Type: 'AWS::StepFunctions::StateMachine', Properties: { StateMachineName: 'billing' } },
    Worker: { Type: 'AWS::Lambda::Function', Properties: { FunctionName: 'worker' } },
    Dashboard: { Type: 'AWS::CloudWatch::Dashboard' },
    Spare: { Type: 'AWS::SQS::Queue', Condition: 'IsOther', Properties: { QueueName: 'spare' } },
  },
  Outputs: { QueueUrl: { Value: { Ref: 'Queue' } } },
};

const stack = stackOf(TEMPLATE, {
  name: 'halfmonth-local',
  region: 'eu-central-1',
  sqsEndpoint: 'http://127.0.0.1:4566',
});

test.each([
  ['the name of a table', { Ref: 'Table' }, 'usage-5'],
  ['the address of a queue', { Ref: 'Queue' }, 'http://127.0.0.1:4566/000000000000/events'],
  ['the ARN of a state machine', { Ref: 'Machine' }, 'arn:aws:states:eu-central-1:000000000000:stateMachine:billing'],
  ['an attribute', { 'Fn::GetAtt': ['Worker', 'Arn'] }, 'arn:aws:lambda:eu-central-1:000000000000:function:worker'],
  ['an attribute in its short form', { 'Fn::GetAtt': 'Queue.QueueName' }, 'events'],
  ['a pseudo parameter', { Ref: 'AWS::Region' }, 'eu-central-1'],
  ['a type that is only named', { Ref: 'Dashboard' }, 'Dashboard'],
  ['a join', { 'Fn::Join': ['/', ['a', { Ref: 'Table' }]] }, 'a/usage-5'],
  ['a choice', { 'Fn::Select': [1, { 'Fn::Split': [',', 'a,b'] }] }, 'b'],
  ['a condition that holds', { 'Fn::If': ['IsLocal', 'yes', 'no'] }, 'yes'],
  ['a condition that does not', { 'Fn::If': ['IsOther', 'yes', 'no'] }, 'no'],
  [
    'a text with references',
    { 'Fn::Sub': '${Table}@${Queue.Arn}' },
    'usage-5@arn:aws:sqs:eu-central-1:000000000000:events',
  ],
  ['a text with variables', { 'Fn::Sub': ['${a}-${Table}', { a: { Ref: 'Worker' } }] }, 'worker-usage-5'],
  ['a text with an escaped dollar', { 'Fn::Sub': '${!Literal}' }, '${Literal}'],
  ['no value', { a: { Ref: 'AWS::NoValue' }, b: [{ Ref: 'AWS::NoValue' }, 1] }, { b: [1] }],
])('resolves %s', (_what, value, expected) => {
  expect(stack.resolve(value)).toEqual(expected);
});

test('a reference to nothing, and an unknown function, are named in the error', () => {
  expect(() => stack.resolve({ Ref: 'Nothing' })).toThrow('Ref Nothing');
  expect(() => stack.resolve({ 'Fn::GetAtt': ['Table', 'Colour'] })).toThrow('Table.Colour');
  expect(() => stack.resolve({ 'Fn::Transform': {} })).toThrow('Fn::Transform');
});

test('a resource whose condition does not hold is not there', () => {
  expect(stack.resourcesOf('AWS::SQS::Queue').map(({ logicalId }) => logicalId)).toEqual(['Queue']);
  expect(stack.outputs()).toEqual({ QueueUrl: 'http://127.0.0.1:4566/000000000000/events' });
});

test('values without functions stay as they are', () => {
  const resolve = resolverOf({ template: TEMPLATE, pseudoParameters: {}, valuesOf: () => undefined });
  const value = { a: [1, 'x', null, true], b: { c: '${not.resolved}' } };

  expect(resolve(value)).toEqual(value);
});
