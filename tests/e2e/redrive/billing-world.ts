import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
import { type LocalCloud, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import type { Template } from '../../../local/cloud/template/template.ts';
import {
  type InvoiceApiSimulator,
  type SimulatorOptions,
  startInvoiceApiSimulator,
} from '../../../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../../../local/packaging/package-service.ts';
import { TOKEN_PARAMETER } from '../../../local/start/invoice-api-environment.ts';
import { untilDrained } from '../../../local/start/queue-drained.ts';
import { consumptionEvent } from '../../fixtures/consumption-events.ts';
import { ExecutionEnds } from './execution-ends.ts';
import { Mishaps } from './mishaps.ts';

/** What one client consumes, by the day of the period. */
export type Consumption = readonly { clientId: string; day: number; meter: string; quantity: string }[];

/** How an execution ended. */
export interface ExecutionEnd {
  executionArn: string;
  status: string | undefined;
  error: string | undefined;
  cause: string | undefined;
}

/**
 * The API's time goes five times as fast, so that packages take some tenths of a second; its quota does not. Faults of
 * every kind that leave doubt about a package are many.
 */
const API: SimulatorOptions = {
  profile: 'demo',
  seed: 20_261_101,
  timeScale: 5,
  quota: { shared: [{ requests: 50, seconds: 5 }] },
  faults: { unprocessed: 0.1, unavailable: 0.03, timeoutAfterCommit: 0.03 },
};

/**
 * One that waits for another's turn comes back at the latest possible end of it, which follows from the function's
 * time-out.
 */
const SENDER_TIMEOUT_SECONDS = 12;
/** Environments of one function: each is a thread with its own memory. */
const ENVIRONMENTS = 2;
/** So that events of years ago are counted, and every case has a half month of its own. */
const EVENT_MAX_AGE_DAYS = 4_000;
const MESSAGES_AT_ONCE = 10;
const EVENTS_PER_MESSAGE = 100;

/** The packaged service on the local cloud, beside a simulated invoice API. */
export class BillingWorld {
  readonly mishaps: Mishaps;
  readonly cloud: LocalCloud;
  readonly api: InvoiceApiSimulator;
  readonly dynamodb: DynamoDBClient;
  readonly sfn: SFNClient;
  readonly #sqs: SQSClient;
  readonly #ends: ExecutionEnds;

  private constructor(mishaps: Mishaps, ends: ExecutionEnds, cloud: LocalCloud, api: InvoiceApiSimulator) {
    this.mishaps = mishaps;
    this.#ends = ends;
    this.cloud = cloud;
    this.api = api;
    const access = { region: cloud.region, credentials: cloud.credentials };
    this.dynamodb = new DynamoDBClient({ ...access, endpoint: cloud.endpoints.dynamodb });
    this.sfn = new SFNClient({ ...access, endpoint: cloud.endpoints.stepFunctions });
    this.#sqs = new SQSClient({ ...access, endpoint: cloud.endpoints.sqs });
  }

  static async start(): Promise<BillingWorld> {
    const packageFolder = await packageService({ stage: 'local' });
    const api = await startInvoiceApiSimulator(API);
    const mishaps = new Mishaps();
    const ends = new ExecutionEnds();
    try {
      const cloud = await startLocalCloud({
        packageFolder,
        interceptTask: mishaps.interceptTask,
        observer: { onExecution: ends.onExecution },
        transformTemplate: withFewShortFunctions,
        parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
        environmentOverrides: {
          INVOICE_API_URL: api.url,
          INVOICE_API_TOKEN_PARAMETER: TOKEN_PARAMETER,
          EVENT_MAX_AGE_DAYS: String(EVENT_MAX_AGE_DAYS),
          REQUEST_TIMEOUT_SECONDS: '1',
        },
      });
      return new BillingWorld(mishaps, ends, cloud, api);
    } catch (error) {
      await api.stop();
      throw error;
    }
  }

  /** A name that the stack gives out. */
  output(name: string): string {
    const value = this.cloud.outputs[name];
    if (value === undefined) throw new Error(`the stack has no output ${name}`);
    return value;
  }

  /** Puts the same consumption into each period, through the queue, and waits until all of it is counted. */
  async count(periodIds: readonly string[], consumption: Consumption): Promise<void> {
    const events = periodIds.flatMap((periodId) =>
      consumption.map(({ clientId, day, meter, quantity }) =>
        consumptionEvent({
          subject: clientId,
          meter,
          quantity,
          time: `${periodId.slice(0, 7)}-${String(day).padStart(2, '0')}T12:00:00Z`,
        }),
      ),
    );
    const bodies: string[] = [];
    for (let start = 0; start < events.length; start += EVENTS_PER_MESSAGE) {
      bodies.push(JSON.stringify(events.slice(start, start + EVENTS_PER_MESSAGE)));
    }
    const QueueUrl = this.output('EventsQueueUrl');
    for (let start = 0; start < bodies.length; start += MESSAGES_AT_ONCE) {
      const Entries = bodies
        .slice(start, start + MESSAGES_AT_ONCE)
        .map((MessageBody, index) => ({ Id: String(index), MessageBody }));
      await this.#sqs.send(new SendMessageBatchCommand({ QueueUrl, Entries }));
    }
    await untilDrained(this.#sqs, QueueUrl, () => {}, AbortSignal.timeout(60_000));
  }

  /** The ARN that an execution of this name has, or will have. */
  arnOf(name: string): string {
    return `${this.output('BillingPeriodStateMachineArn').replace(':stateMachine:', ':execution:')}:${name}`;
  }

  /** Starts an execution; the same input for every execution of a period. */
  async start(name: string, periodId: string): Promise<string> {
    const stateMachineArn = this.output('BillingPeriodStateMachineArn');
    const input = JSON.stringify({ period: periodId });
    const { executionArn = '' } = await this.sfn.send(new StartExecutionCommand({ stateMachineArn, name, input }));
    return executionArn;
  }

  /** Waits until the execution has ended. */
  async end(executionArn: string): Promise<ExecutionEnd> {
    await this.#ends.wait(executionArn);
    const { status, error, cause } = await this.sfn.send(new DescribeExecutionCommand({ executionArn }));
    return { executionArn, status, error, cause };
  }

  async stop(): Promise<void> {
    for (const client of [this.dynamodb, this.sfn, this.#sqs]) client.destroy();
    await this.cloud.stop();
    await this.api.stop();
  }
}

function withFewShortFunctions(template: Template): Template {
  const resources = Object.entries(template.Resources).map(([id, resource]) => {
    if (resource.Type !== 'AWS::Lambda::Function') return [id, resource];
    const speaksToApi = JSON.stringify(resource.Properties).includes('INVOICE_API_URL');
    const Properties = {
      ...resource.Properties,
      ReservedConcurrentExecutions: ENVIRONMENTS,
      ...(speaksToApi ? { Timeout: SENDER_TIMEOUT_SECONDS } : {}),
    };
    return [id, { ...resource, Properties }];
  });
  return { ...template, Resources: Object.fromEntries(resources) };
}
