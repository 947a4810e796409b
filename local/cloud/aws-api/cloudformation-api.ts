import type { RestHandler } from './aws-api-server.ts';
import { element, escaped, type QueryError, queryAnswer, queryRefusal } from './query-protocol.ts';
import { signingScopeOf } from './signing-scope.ts';

/** What CloudFormation says of the stack. */
export interface DeployedStack {
  name: string;
  id: string;
  region: string;
  outputs: Record<string, string>;
}

const NAMESPACE = 'http://cloudformation.amazonaws.com/doc/2010-05-15/';
/** CloudFormation's own words for a name; an ARN is allowed too. */
const STACK_NAME = '[a-zA-Z][-a-zA-Z0-9]*|arn:[-a-zA-Z0-9:/._+]*';

/**
 * CloudFormation's `DescribeStacks` of one stack, in the Query protocol
 * (https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DescribeStacks.html). In any other region
 * there is none, as on AWS.
 */
export function cloudFormationApi(stack: DeployedStack): RestHandler {
  const createdAt = new Date().toISOString();
  return async ({ method, path, headers, body }) => {
    const scope = signingScopeOf(headers.authorization);
    if (method !== 'POST' || path !== '/' || scope?.service !== 'cloudformation') return undefined;
    const parameters = new URLSearchParams(body);
    const action = parameters.get('Action') ?? '';
    if (action !== 'DescribeStacks') {
      return queryRefusal(NAMESPACE, {
        code: 'InvalidAction',
        message: `The local cloud does not know the action ${action}.`,
      });
    }
    const asked = parameters.get('StackName');
    const isHere = scope.region === stack.region;
    const error = asked === null ? undefined : errorIn(asked, isHere ? stack : undefined);
    if (error) return queryRefusal(NAMESPACE, error);
    return queryAnswer(NAMESPACE, action, element('Stacks', isHere ? stackXml(stack, createdAt) : ''));
  };
}

function errorIn(asked: string, stack: DeployedStack | undefined): QueryError | undefined {
  if (!new RegExp(`^(${STACK_NAME})$`).test(asked)) {
    const message = `1 validation error detected: Value '${asked}' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: ${STACK_NAME}`;
    return { code: 'ValidationError', message };
  }
  if (asked === stack?.name || asked === stack?.id) return undefined;
  return { code: 'ValidationError', message: `Stack with id ${asked} does not exist` };
}

function stackXml({ name, id, outputs }: DeployedStack, createdAt: string): string {
  const members = Object.entries(outputs).map(([key, value]) =>
    element('member', element('OutputKey', escaped(key)) + element('OutputValue', escaped(value))),
  );
  return element(
    'member',
    [
      element('StackId', escaped(id)),
      element('StackName', escaped(name)),
      element('CreationTime', createdAt),
      element('StackStatus', 'UPDATE_COMPLETE'),
      element('DisableRollback', 'false'),
      element('Outputs', members.join('')),
    ].join(''),
  );
}
