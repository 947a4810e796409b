import type { SqsEngine } from '../../engines/sqs-engine.ts';
import type { Stack } from '../template/stack.ts';

/** Properties of AWS::SQS::Queue that SQS knows as attributes of the same name. */
const ATTRIBUTES = [
  'VisibilityTimeout',
  'MessageRetentionPeriod',
  'DelaySeconds',
  'MaximumMessageSize',
  'ReceiveMessageWaitTimeSeconds',
  'RedrivePolicy',
  'RedriveAllowPolicy',
  'FifoQueue',
  'ContentBasedDeduplication',
];

/** Makes the queues that the template declares, or finds them again. */
export function ensureQueues(stack: Stack, engine: SqsEngine): void {
  for (const { logicalId, properties } of stack.resourcesOf('AWS::SQS::Queue')) {
    const arn = String(stack.resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }));
    const attributes = ATTRIBUTES.filter((name) => properties[name] !== undefined).map((name) => [
      name,
      attributeText(properties[name]),
    ]);
    engine.ensureQueue({
      name: arn.slice(arn.lastIndexOf(':') + 1),
      arn,
      attributes: Object.fromEntries(attributes),
    });
  }
}

function attributeText(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}
