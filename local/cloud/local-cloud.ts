import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDynamoDbEngine } from '../engines/dynamodb-engine.ts';
import { startSqsEngine } from '../engines/sqs-engine.ts';
import { type AwsApiServer, startAwsApiServer } from './aws-api/aws-api-server.ts';
import { cloudFormationApi } from './aws-api/cloudformation-api.ts';
import { eventBusApi } from './aws-api/event-bus-api.ts';
import { parameterStoreApi } from './aws-api/parameter-store-api.ts';
import { functionsOf } from './lambda/functions.ts';
import { lambdaApi } from './lambda/lambda-api.ts';
import type { LambdaFunction } from './lambda/lambda-function.ts';
import { type LogFiles, openLogFiles } from './lambda/log-files.ts';
import type { CloudObserver } from './observer.ts';
import { startEventSourceMappings } from './queues/event-source-mappings.ts';
import { ensureQueues } from './queues/queues.ts';
import type { TaskInterceptor } from './state-machines/execution.ts';
import { stateMachinesOf } from './state-machines/state-machine.ts';
import { stepFunctionsApi } from './state-machines/step-functions-api.ts';
import { ensureTables } from './tables.ts';
import { stackOf } from './template/stack.ts';
import { readStackName, readTemplate, type Template } from './template/template.ts';

/** How to start the local cloud. */
export interface LocalCloudOptions {
  /** The folder that `serverless package` has written. */
  packageFolder: string;
  /** Keeps tables, queues, executions and logs there, so that they survive a restart; without it they live in memory. */
  dataFolder?: string;
  /** Fixed ports; any free ones without. `aws` answers for every service, see `LocalCloud.endpoints.all`. */
  ports?: { dynamodb?: number; sqs?: number; aws?: number };
  /** Default: `eu-central-1`. */
  region?: string;
  /** Variables for every function, in place of what the template says. */
  environmentOverrides?: Record<string, string>;
  /** What Parameter Store holds, by name. */
  parameters?: Record<string, string>;
  observer?: CloudObserver;
  /** Changes the template before it is used, such as for a shorter visibility time-out in a test. */
  transformTemplate?: (template: Template) => Template;
  /** Stands between the state machine's Tasks and their functions, such as to let a Task fail in a test. */
  interceptTask?: TaskInterceptor;
}

/** The local cloud at work. */
export interface LocalCloud {
  region: string;
  endpoints: {
    /** One for all services, CloudFormation too: what `AWS_ENDPOINT_URL` wants. The others are shorter ways. */
    all: string;
    dynamodb: string;
    sqs: string;
    stepFunctions: string;
    lambda: string;
    ssm: string;
    events: string;
  };
  /** Such as `halfmonth-dev`. */
  stackName: string;
  /** The stack's outputs by name. */
  outputs: Record<string, string>;
  /** Variables that make any AWS SDK and tool talk to this cloud. */
  environment: Record<string, string>;
  /** Invokes a function by its name or ARN, as the SDK's `Invoke` would, without HTTP. */
  functionOf(nameOrArn: string): LambdaFunction | undefined;
  /** Ends everything that was started: threads, engines, listeners. Calling it twice does no harm. */
  stop(): Promise<void>;
}

/**
 * Runs the packaged service on this machine: makes the tables and queues of the compiled template on embedded engines,
 * loads its bundles, polls its event sources and serves its state machines. All listeners are on loopback.
 * @throws PackageUnreadable, UnresolvedReference, StateMachineUnsupported for a package that cannot be run
 * @throws PortTaken, DynamoDbEngineMissing, DynamoDbEngineFailed
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { packageFolder, dataFolder, ports = {}, region = 'eu-central-1' } = options;
  const read = readTemplate(packageFolder);
  const template = options.transformTemplate?.(read) ?? read;
  if (dataFolder) mkdirSync(dataFolder, { recursive: true });
  const closing = new ClosingSteps();
  let observer = options.observer ?? {};
  try {
    // Outside of any project: a bundle must find nothing but itself.
    const bundleFolder = mkdtempSync(join(tmpdir(), 'halfmonth-bundles-'));
    closing.add(async () => rmSync(bundleFolder, { recursive: true, force: true }));
    if (dataFolder) {
      const logs = openLogFiles(join(dataFolder, 'logs'));
      closing.add(logs.stop);
      observer = alsoLogging(observer, logs);
    }
    const dynamodb = await startDynamoDbEngine({
      ...(dataFolder ? { file: join(dataFolder, 'tables.db') } : {}),
      ...(ports.dynamodb ? { port: ports.dynamodb } : {}),
    });
    closing.add(dynamodb.stop);
    const sqs = await startSqsEngine({ region, port: ports.sqs, folder: dataFolder && join(dataFolder, 'queues') });
    closing.add(sqs.stop);

    const stack = stackOf(template, { name: readStackName(packageFolder), region, sqsEndpoint: sqs.endpoint });
    await ensureTables(stack, dynamodb.endpoint);
    ensureQueues(stack, sqs);

    let functions: LambdaFunction[] = [];
    const functionOf = (nameOrArn: string) =>
      functions.find(({ name, arn }) => nameOrArn === name || nameOrArn === arn);
    const machines = stateMachinesOf(stack, { functionOf, observer, interceptTask: options.interceptTask, dataFolder });
    const apis = {
      services: {
        AWSStepFunctions: stepFunctionsApi(machines),
        AmazonSSM: parameterStoreApi(options.parameters ?? {}, region),
        AWSEvents: eventBusApi((event) => observer.onBusEvent?.(event)),
      },
      rest: [
        lambdaApi(functionOf),
        cloudFormationApi({ name: stack.name, id: stack.id, region, outputs: stack.outputs() }),
      ],
      forwarded: { dynamodb: dynamodb.endpoint, sqs: sqs.endpoint },
    };
    const api = await startAwsApiServer(apis, { port: ports.aws });
    closing.add(api.stop);

    const serviceVariables = serviceVariablesOf(dynamodb.endpoint, sqs.endpoint, api);
    functions = functionsOf(stack, {
      packageFolder,
      bundleFolder,
      serviceVariables,
      environmentOverrides: options.environmentOverrides ?? {},
      observer,
    });
    closing.add(() => Promise.all(functions.map((lambda) => lambda.stop())));
    const mappings = startEventSourceMappings(stack, sqs, functionOf, observer);
    closing.add(() => Promise.all(mappings.map((mapping) => mapping.stop())));
    for (const machine of machines) machine.restore();
    closing.add(async () => {
      for (const machine of machines) machine.suspend();
    });

    return {
      region,
      endpoints: {
        all: api.endpoint,
        dynamodb: dynamodb.endpoint,
        sqs: sqs.endpoint,
        stepFunctions: api.endpoint,
        lambda: api.endpoint,
        ssm: api.endpoint,
        events: api.endpoint,
      },
      stackName: stack.name,
      outputs: stack.outputs(),
      environment: {
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: 'local',
        AWS_SECRET_ACCESS_KEY: 'local',
        AWS_ENDPOINT_URL: api.endpoint,
        ...serviceVariables,
      },
      functionOf,
      stop: () => closing.run(),
    };
  } catch (error) {
    await closing.run();
    throw error;
  }
}

function alsoLogging(observer: CloudObserver, logs: LogFiles): CloudObserver {
  return {
    ...observer,
    onLog(line) {
      logs.write(line);
      observer.onLog?.(line);
    },
  };
}

/** https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html */
function serviceVariablesOf(dynamodb: string, sqs: string, api: AwsApiServer): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_DYNAMODB: dynamodb,
    AWS_ENDPOINT_URL_SQS: sqs,
    AWS_ENDPOINT_URL_SFN: api.endpoint,
    AWS_ENDPOINT_URL_LAMBDA: api.endpoint,
    AWS_ENDPOINT_URL_SSM: api.endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: api.endpoint,
  };
}

/** What has been started, to be ended in reverse order. */
class ClosingSteps {
  readonly #steps: (() => Promise<unknown>)[] = [];
  #running: Promise<void> | undefined;

  add(step: () => Promise<unknown>): void {
    this.#steps.push(step);
  }

  run(): Promise<void> {
    this.#running ??= this.#runAll();
    return this.#running;
  }

  async #runAll(): Promise<void> {
    const failures: unknown[] = [];
    for (const step of this.#steps.toReversed()) {
      try {
        await step();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Parts of the local cloud did not stop cleanly.');
  }
}
