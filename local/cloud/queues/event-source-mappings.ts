import { z } from 'zod';
import type { SqsEngine } from '../../engines/sqs-engine.ts';
import type { LambdaFunction } from '../lambda/lambda-function.ts';
import type { CloudObserver } from '../observer.ts';
import { UnresolvedReference } from '../template/intrinsic-functions.ts';
import type { Stack } from '../template/stack.ts';
import { type EventSourceMapping, startEventSourceMapping } from './event-source-mapping.ts';

/** Lambda starts with five batches at once and scales up without end; a laptop stops there. */
const DEFAULT_CONCURRENCY = 5;

/**
 * https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
 */
const mappingProperties = z.object({
  EventSourceArn: z.string(),
  FunctionName: z.string(),
  BatchSize: z.coerce.number().int().min(1).max(10_000).default(10),
  MaximumBatchingWindowInSeconds: z.coerce.number().int().min(0).max(300).default(0),
  Enabled: z.union([z.boolean(), z.stringbool()]).default(true),
  ScalingConfig: z.object({ MaximumConcurrency: z.coerce.number().int().min(2) }).optional(),
  FunctionResponseTypes: z.array(z.string()).default([]),
});

/** Starts the enabled event source mappings of the template. */
export function startEventSourceMappings(
  stack: Stack,
  engine: SqsEngine,
  functionOf: (nameOrArn: string) => LambdaFunction | undefined,
  observer: CloudObserver,
): EventSourceMapping[] {
  return stack
    .resourcesOf('AWS::Lambda::EventSourceMapping')
    .map(({ logicalId, properties }) => ({ logicalId, mapping: mappingProperties.parse(properties) }))
    .filter(({ mapping }) => mapping.Enabled)
    .map(({ logicalId, mapping }) => {
      const queue = engine.queueOf(mapping.EventSourceArn);
      const lambda = functionOf(mapping.FunctionName);
      if (!queue || !lambda) {
        throw new UnresolvedReference(
          `${logicalId} maps ${mapping.EventSourceArn} to ${mapping.FunctionName}; the local cloud maps queues to functions of one template only.`,
        );
      }
      return startEventSourceMapping(
        {
          queue,
          lambda,
          region: stack.region,
          batchSize: mapping.BatchSize,
          windowSeconds: mapping.MaximumBatchingWindowInSeconds,
          maximumConcurrency: mapping.ScalingConfig?.MaximumConcurrency ?? DEFAULT_CONCURRENCY,
          reportsBatchItemFailures: mapping.FunctionResponseTypes.includes('ReportBatchItemFailures'),
        },
        engine,
        observer,
      );
    });
}
