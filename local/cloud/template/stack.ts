import type { Resolve, ResourceValues } from './intrinsic-functions.ts';
import { isConditionTrue, resolverOf, type Scope } from './intrinsic-functions.ts';
import type { Template } from './template.ts';

/** The account that every local ARN names. */
export const LOCAL_ACCOUNT_ID = '000000000000';

/** One resource with its properties resolved. */
export interface StackResource {
  logicalId: string;
  properties: Record<string, unknown>;
}

/** A template with names and addresses for everything it declares. */
export interface Stack {
  name: string;
  /** Its ARN. */
  id: string;
  region: string;
  /** The resources of one type, such as `AWS::SQS::Queue`, whose condition holds. */
  resourcesOf(type: string): StackResource[];
  resolve: Resolve;
  /** The stack's outputs; those that name something the local cloud does not make are left out. */
  outputs(): Record<string, string>;
}

/** Where the stack's queues are, for their URLs. */
export interface StackAddresses {
  /** Such as `halfmonth-dev`. */
  name: string;
  region: string;
  /** Such as `http://127.0.0.1:4566`. */
  sqsEndpoint: string;
}

/** Names every resource of a template as CloudFormation would, with loopback addresses in place of AWS's. */
export function stackOf(template: Template, { name, region, sqsEndpoint }: StackAddresses): Stack {
  const id = `arn:aws:cloudformation:${region}:${LOCAL_ACCOUNT_ID}:stack/${name}/local`;
  const scope: Scope = {
    template,
    pseudoParameters: {
      'AWS::Region': region,
      'AWS::AccountId': LOCAL_ACCOUNT_ID,
      'AWS::Partition': 'aws',
      'AWS::URLSuffix': 'amazonaws.com',
      'AWS::StackName': name,
      'AWS::StackId': id,
    },
    valuesOf,
  };
  const resolve = resolverOf(scope);

  function valuesOf(logicalId: string): ResourceValues | undefined {
    const resource = template.Resources[logicalId];
    if (!resource) return undefined;
    const properties = resource.Properties ?? {};
    const named = (property: string) =>
      properties[property] === undefined ? logicalId : String(resolve(properties[property]));
    return VALUES[resource.Type]?.({ named, region, sqsEndpoint }) ?? othersValues(resource.Type, logicalId, region);
  }

  return {
    name,
    id,
    region,
    resolve,
    resourcesOf: (type) =>
      Object.entries(template.Resources)
        .filter(([, resource]) => resource.Type === type)
        .filter(([, { Condition }]) => Condition === undefined || isConditionTrue(Condition, resolve, scope))
        .map(([logicalId, resource]) => ({
          logicalId,
          // A resolved object is an object again.
          properties: resolve(resource.Properties ?? {}) as Record<string, unknown>,
        })),
    outputs: () =>
      Object.fromEntries(
        Object.entries(template.Outputs ?? {}).map(([name, { Value }]) => [name, String(resolve(Value))]),
      ),
  };
}

interface Naming {
  /** The resource's own name from that property, or its logical id. */
  named(property: string): string;
  region: string;
  sqsEndpoint: string;
}

/**
 * What `Ref` and `Fn::GetAtt` return, by type: the "Return values" of each type's page in the CloudFormation reference.
 */
const VALUES: Record<string, (naming: Naming) => ResourceValues> = {
  'AWS::DynamoDB::Table': ({ named, region }) => {
    const name = named('TableName');
    return { ref: name, attributes: { Arn: arn('dynamodb', region, `table/${name}`) } };
  },
  'AWS::SQS::Queue': ({ named, region, sqsEndpoint }) => {
    const name = named('QueueName');
    const url = `${sqsEndpoint}/${LOCAL_ACCOUNT_ID}/${name}`;
    return { ref: url, attributes: { Arn: arn('sqs', region, name), QueueName: name, QueueUrl: url } };
  },
  'AWS::S3::Bucket': ({ named }) => {
    const name = named('BucketName');
    return { ref: name, attributes: { Arn: `arn:aws:s3:::${name}` } };
  },
  'AWS::Lambda::Function': ({ named, region }) => {
    const name = named('FunctionName');
    return { ref: name, attributes: { Arn: functionArn(region, name) } };
  },
  'AWS::StepFunctions::StateMachine': ({ named, region }) => {
    const name = named('StateMachineName');
    const machineArn = arn('states', region, `stateMachine:${name}`);
    return { ref: machineArn, attributes: { Arn: machineArn, Name: name } };
  },
  'AWS::SNS::Topic': ({ named, region }) => {
    const topicArn = arn('sns', region, named('TopicName'));
    return { ref: topicArn, attributes: { TopicArn: topicArn, TopicName: named('TopicName') } };
  },
  'AWS::Events::EventBus': ({ named, region }) => {
    const name = named('Name');
    return { ref: name, attributes: { Arn: arn('events', region, `event-bus/${name}`), Name: name } };
  },
  'AWS::IAM::Role': ({ named }) => {
    const name = named('RoleName');
    return { ref: name, attributes: { Arn: `arn:aws:iam::${LOCAL_ACCOUNT_ID}:role/${name}`, RoleId: name } };
  },
};

/** Types that do not run here are named all the same, so that what mentions them can be read. */
function othersValues(type: string, logicalId: string, region: string): ResourceValues {
  const service = type.split('::')[1]?.toLowerCase() ?? 'local';
  return { ref: logicalId, attributes: { Arn: arn(service, region, logicalId) } };
}

/** The ARN of a function by its name. */
export function functionArn(region: string, functionName: string): string {
  return arn('lambda', region, `function:${functionName}`);
}

function arn(service: string, region: string, resource: string): string {
  return `arn:aws:${service}:${region}:${LOCAL_ACCOUNT_ID}:${resource}`;
}
