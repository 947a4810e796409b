import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startDynamoDbEngine } from '../engines/dynamodb-engine.ts';
import { startSqsEngine } from '../engines/sqs-engine.ts';
import { alarmOf, alarmsApi } from './aws-api/alarms-api.ts';
import { type AwsApis, startAwsApiServer } from './aws-api/aws-api-server.ts';
import { cloudFormationApi } from './aws-api/cloudformation-api.ts';
import { eventBusApi } from './aws-api/event-bus-api.ts';
import { identityApi } from './aws-api/identity-api.ts';
import { keyApi } from './aws-api/key-api.ts';
import { parameterStoreApi } from './aws-api/parameter-store-api.ts';
import { queueMetricsApi } from './aws-api/queue-metrics-api.ts';
import { type Subscription, topicsApi } from './aws-api/topics-api.ts';
import { newSessionCredentials, type SessionCredentials } from './credentials.ts';
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
import { LOCAL_ACCOUNT_ID, type Stack, stackOf } from './template/stack.ts';
import { readStackName, readTemplate, type Template } from './template/template.ts';

/** How to start the local cloud. */
export interface LocalCloudOptions {
  /** The folder that `serverless package` has written. */
  packageFolder: string;
  /**
   * Keeps tables, queues, executions and logs there, so that they survive a restart; without it they live in memory.
   */
  dataFolder?: string;
  /** A fixed port for the one address that answers for every service; any free one without. */
  port?: number;
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
  /** One address for all services, by their names: the engines stand behind it. */
  endpoints: {
    /** CloudFormation too: what `AWS_ENDPOINT_URL` wants. */
    all: string;
    dynamodb: string;
    sqs: string;
    stepFunctions: string;
    lambda: string;
    ssm: string;
    events: string;
  };
  /** What every request must be signed with, new in each run. */
  credentials: SessionCredentials;
  /** The DynamoDB engine itself, which checks no credentials: for the functions, and for benchmarks that measure it. */
  engineEndpoint: string;
  /** Such as `halfmonth-dev`. */
  stackName: string;
  /** The stack's outputs by name. */
  outputs: Record<string, string>;
  /** Variables that make any AWS SDK and tool talk to this cloud, its credentials among them. */
  environment: Record<string, string>;
  readonly functions: readonly LambdaFunction[];
  /** Invokes a function by its name or ARN, as the SDK's `Invoke` would, without HTTP. */
  functionOf(nameOrArn: string): LambdaFunction | undefined;
  /** Ends everything that was started: threads, engines, listeners. Calling it twice does no harm. */
  stop(): Promise<void>;
}

/**
 * Runs the packaged service on this machine: makes the tables and queues of the compiled template on embedded engines,
 * loads its bundles, polls its event sources and serves its state machines. All listeners are on loopback, and answer
 * those alone who have the credentials of this run.
 * @throws PackageUnreadable, UnresolvedReference, StateMachineUnsupported for a package that cannot be run
 * @throws PortTaken, DynamoDbEngineMissing, DynamoDbEngineFailed
 */
export async function startLocalCloud(options: LocalCloudOptions): Promise<LocalCloud> {
  const { packageFolder, dataFolder, port, region = 'eu-central-1' } = options;
  const read = readTemplate(packageFolder);
  const template = options.transformTemplate?.(read) ?? read;
  if (dataFolder) makePrivateFolder(dataFolder);
  const credentials = newSessionCredentials();
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
    const dynamodb = await startDynamoDbEngine(dataFolder ? { file: join(dataFolder, 'tables.db') } : {});
    closing.add(dynamodb.stop);
    // Filled below: a queue's URL must name the address before there are queues.
    const apis: { -readonly [Part in keyof AwsApis]: AwsApis[Part] } = { services: {}, rest: [], forwarded: {} };
    const api = await startAwsApiServer(apis, { port, secret: credentials.secretAccessKey });
    closing.add(api.stop);
    const sqs = await startSqsEngine({
      region,
      folder: dataFolder && join(dataFolder, 'queues'),
      behind: { endpoint: api.endpoint, socketFolder: bundleFolder },
    });
    closing.add(sqs.stop);

    const stack = stackOf(template, { name: readStackName(packageFolder), region, sqsEndpoint: api.endpoint });
    await ensureTables(stack, dynamodb.endpoint);
    ensureQueues(stack, sqs);
    for (const name of bucketNamesOf(stack)) sqs.ensureBucket(name);

    let functions: LambdaFunction[] = [];
    const functionOf = (nameOrArn: string) =>
      functions.find(({ name, arn }) => nameOrArn === name || nameOrArn === arn);
    const machines = stateMachinesOf(stack, { functionOf, observer, interceptTask: options.interceptTask, dataFolder });
    apis.services = {
      AWSStepFunctions: stepFunctionsApi(machines),
      AmazonSSM: parameterStoreApi(options.parameters ?? {}, region),
      GraniteServiceVersion20100801: {
        ...queueMetricsApi((name) => sqs.queueOf(`arn:aws:sqs:${region}:${LOCAL_ACCOUNT_ID}:${name}`)),
        ...alarmsApi(stack.resourcesOf('AWS::CloudWatch::Alarm').map(({ properties }) => alarmOf(properties))),
      },
      AWSEvents: eventBusApi((event) => observer.onBusEvent?.(event)),
      TrentService: keyApi(keyIdsOf(stack), dataFolder && join(dataFolder, 'certificate-key.pem')),
    };
    apis.rest = [
      lambdaApi(functionOf),
      cloudFormationApi({ name: stack.name, id: stack.id, region, outputs: stack.outputs() }),
      identityApi(LOCAL_ACCOUNT_ID),
      topicsApi(topicArnsOf(stack), subscriptionsOf(stack)),
    ];
    apis.forwarded = {
      dynamodb: { endpoint: dynamodb.endpoint },
      sqs: { socketPath: sqs.socketPath },
      s3: { socketPath: sqs.socketPath },
    };

    const serviceVariables = serviceVariablesOf(api.endpoint);
    functions = functionsOf(stack, {
      packageFolder,
      bundleFolder,
      // Straight to the engine: every hop would count as the functions' own time.
      serviceVariables: { ...serviceVariables, AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint },
      secretAccessKey: credentials.secretAccessKey,
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
        dynamodb: api.endpoint,
        sqs: api.endpoint,
        stepFunctions: api.endpoint,
        lambda: api.endpoint,
        ssm: api.endpoint,
        events: api.endpoint,
      },
      credentials,
      engineEndpoint: dynamodb.endpoint,
      stackName: stack.name,
      outputs: stack.outputs(),
      environment: {
        AWS_REGION: region,
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_ENDPOINT_URL: api.endpoint,
        ...serviceVariables,
      },
      functions,
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
function serviceVariablesOf(endpoint: string): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_DYNAMODB: endpoint,
    AWS_ENDPOINT_URL_SQS: endpoint,
    AWS_ENDPOINT_URL_SFN: endpoint,
    AWS_ENDPOINT_URL_LAMBDA: endpoint,
    AWS_ENDPOINT_URL_SSM: endpoint,
    AWS_ENDPOINT_URL_EVENTBRIDGE: endpoint,
    AWS_ENDPOINT_URL_KMS: endpoint,
    AWS_ENDPOINT_URL_S3: endpoint,
  };
}

/** The keys that the template declares, by what `Ref` gives for them. */
function keyIdsOf(stack: Stack): string[] {
  return stack.resourcesOf('AWS::KMS::Key').map(({ logicalId }) => String(stack.resolve({ Ref: logicalId })));
}

/** The buckets with a name of their own: the one for deployments has none, and is of no use here. */
function bucketNamesOf(stack: Stack): string[] {
  return stack
    .resourcesOf('AWS::S3::Bucket')
    .flatMap(({ properties: { BucketName } }) => (BucketName ? [String(BucketName)] : []));
}

function topicArnsOf(stack: Stack): string[] {
  return stack.resourcesOf('AWS::SNS::Topic').map(({ logicalId }) => String(stack.resolve({ Ref: logicalId })));
}

/** The listeners that the template declares; nobody has followed a link here. */
function subscriptionsOf(stack: Stack): Subscription[] {
  return stack.resourcesOf('AWS::SNS::Subscription').map(({ properties: { TopicArn, Protocol, Endpoint } }) => ({
    topicArn: String(TopicArn),
    protocol: String(Protocol),
    endpoint: String(Endpoint),
    isConfirmed: false,
  }));
}

/** A folder for this user alone, also where an earlier version has left it open to others. */
function makePrivateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
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
