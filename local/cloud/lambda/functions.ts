import { join } from 'node:path';
import { z } from 'zod';
import type { CloudObserver } from '../observer.ts';
import type { Stack } from '../template/stack.ts';
import { functionArn } from '../template/stack.ts';
import { extractBundle } from './bundle.ts';
import { type LambdaFunction, lambdaFunction } from './lambda-function.ts';

/** AWS lets a thousand run at once in an account; each is a thread here. */
const DEFAULT_CONCURRENCY = 10;

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html */
const functionProperties = z.object({
  FunctionName: z.string(),
  Handler: z.string(),
  Code: z.object({ S3Key: z.string() }),
  MemorySize: z.coerce.number().int().default(128),
  Timeout: z.coerce.number().int().default(3),
  ReservedConcurrentExecutions: z.coerce.number().int().positive().optional(),
  Environment: z
    .object({ Variables: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String)) })
    .optional(),
});

/** What functions need besides their declarations. */
export interface FunctionSurroundings {
  packageFolder: string;
  /** Bundles are extracted there, each in a folder of its own. */
  bundleFolder: string;
  /** Addresses of the services, for every function. */
  serviceVariables: Record<string, string>;
  /** What functions sign with, as everybody whom the local cloud answers. */
  secretAccessKey: string;
  /** Take precedence over the template's variables, in every function. */
  environmentOverrides: Record<string, string>;
  observer: CloudObserver;
}

/** Loads the functions that the template declares. */
export function functionsOf(stack: Stack, surroundings: FunctionSurroundings): LambdaFunction[] {
  return stack.resourcesOf('AWS::Lambda::Function').map(({ logicalId, properties }) => {
    const declared = functionProperties.parse({ FunctionName: logicalId, ...properties });
    const { FunctionName: name, MemorySize: memorySize } = declared;
    return lambdaFunction(
      {
        name,
        arn: functionArn(stack.region, name),
        bundle: extractBundle({
          packageFolder: surroundings.packageFolder,
          s3Key: declared.Code.S3Key,
          handler: declared.Handler,
          targetFolder: join(surroundings.bundleFolder, name),
        }),
        memorySize,
        timeoutSeconds: declared.Timeout,
        concurrency: declared.ReservedConcurrentExecutions ?? DEFAULT_CONCURRENCY,
        variables: {
          ...runtimeVariables(name, memorySize, declared.Handler, stack.region),
          AWS_SECRET_ACCESS_KEY: surroundings.secretAccessKey,
          ...surroundings.serviceVariables,
          ...declared.Environment?.Variables,
          ...surroundings.environmentOverrides,
        },
      },
      surroundings.observer,
    );
  });
}

/** https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime */
function runtimeVariables(name: string, memorySize: number, handler: string, region: string): Record<string, string> {
  return {
    _HANDLER: handler,
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    // Its own key for each function, so that each request shows which function made it.
    AWS_ACCESS_KEY_ID: name,
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memorySize),
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    LANG: 'en_US.UTF-8',
    TZ: ':UTC',
  };
}
