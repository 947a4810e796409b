import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Caller, type InterventionKind, interventionOf } from '../../lib/interventions/intervention.ts';
import type { AdaptedInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type { InvoiceApiAdapter } from '../../lib/invoice-api/adapters/adapter.ts';
import type { Customers } from '../../lib/invoice-api/adapters/obstacles.ts';
import type { HttpInvoiceApi } from '../../lib/invoice-api/http-invoice-api.ts';
import { BillingCalendar } from '../../lib/periods/days.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { parseQuotaWindows, type Quota } from '../../lib/quota/quota.ts';

/** Where a command works. */
export interface Target {
  kind: 'local' | 'aws';
  /** `local`, or the stage. */
  name: string;
  region: string;
}

/** The stack's outputs that commands need (`resources/outputs.yml`). */
export interface CloudOutputs {
  EventsQueueUrl: string;
  EventsDeadLetterQueueUrl: string;
  RejectedQueueUrl: string;
  BillingPeriodStateMachineArn: string;
  UsageSlicesTableName: string;
  DailyRecordsTableName: string;
  PackagesTableName: string;
  RunsTableName: string;
  BillingTimeZone: string;
  SliceMinutes: string;
  EventMaxAgeDays: string;
  InvoiceApiUrl: string;
  InvoiceApiTokenParameter: string;
  SendQuota: string;
  StatusQuota: string;
  SharedQuota: string;
  ConfigurationHash: string;
  /** Which packages wait for a person; absent in stacks of earlier versions. */
  GateMode?: string | undefined;
  /** ARNs with commas between, or `anybody`; absent in stacks of earlier versions. */
  GateApprovers?: string | undefined;
  /** The adapter that the functions reach the invoice API through; absent in stacks of earlier versions. */
  InvoiceApiAdapter?: string | undefined;
  /** Its settings as JSON; absent in stacks of earlier versions. */
  InvoiceApiSettings?: string | undefined;
  /** The key that signs certificates, or `none`; absent in stacks of earlier versions. */
  CertificateKeyId?: string | undefined;
  /** The bucket of what was counted, or `none`; absent in stacks of earlier versions. */
  ArchiveBucketName?: string | undefined;
  /** Where alarms go; absent in stacks of earlier versions. */
  AlarmTopicArn?: string | undefined;
}

/** How long a command waits for one answer of the invoice API. */
export const API_TIMEOUT_MILLISECONDS = 30_000;

/** What the output says where the API speaks the contract. */
const CONTRACT = 'contract';

/** More than any command has under way at once. */
const MAXIMUM_SOCKETS = 64;

/** How a command may want the invoice API otherwise than runs have it. */
export interface InvoiceApiOptions {
  /** Instead of the mapping of clients. */
  customers?: Customers;
  /** Instead of the usual time-out. */
  timeoutSignal?: (milliseconds: number) => AbortSignal;
}

/** What a person is about to do. */
export interface PlannedIntervention {
  kind: InterventionKind;
  /** What it is done to by period; under no period where it concerns no single one. */
  subjects: ReadonlyMap<PeriodId | undefined, readonly string[]>;
  reason?: string | undefined;
}

/** One deployment of Halfmonth, on AWS or here, as commands see it. Clients are made at first use. */
export class Cloud {
  readonly target: Target;
  readonly outputs: CloudOutputs;
  readonly #configuration: { region?: string };
  #dynamodb: DynamoDBClient | undefined;
  #documents: DynamoDBDocumentClient | undefined;
  #stepFunctions: import('@aws-sdk/client-sfn').SFNClient | undefined;
  #caller: Promise<Caller> | undefined;

  constructor(target: Target, outputs: CloudOutputs, configuration: { region?: string }) {
    this.target = target;
    this.outputs = outputs;
    this.#configuration = configuration;
  }

  get dynamodb(): DynamoDBClient {
    this.#dynamodb ??= new DynamoDBClient({
      ...this.#configuration,
      requestHandler: { httpAgent: { maxSockets: MAXIMUM_SOCKETS }, httpsAgent: { maxSockets: MAXIMUM_SOCKETS } },
    });
    return this.#dynamodb;
  }

  get documents(): DynamoDBDocumentClient {
    this.#documents ??= DynamoDBDocumentClient.from(this.dynamodb, {
      marshallOptions: { removeUndefinedValues: true },
    });
    return this.#documents;
  }

  /** Who calls, asked once. @throws CommandFailed when nobody says it */
  caller(): Promise<Caller> {
    this.#caller ??= import('./caller.ts').then(({ callerOf }) => callerOf(this.target.kind, this.#configuration));
    return this.#caller;
  }

  /**
   * Writes down who is about to do what. To be called before it is done, so that nothing is done that nobody stands
   * for; what is written down may have been left undone.
   * @returns who it is, to be kept with what is done too
   * @throws CommandFailed when nobody says who calls
   */
  async intervene({ kind, subjects, reason = '' }: PlannedIntervention): Promise<Caller> {
    const { InterventionStore } = await import('../../lib/store/intervention-store.ts');
    const by = await this.caller();
    const store = new InterventionStore(this.tables);
    const now = Date.now();
    for (const [periodId, named] of subjects)
      await store.add(periodId, interventionOf({ kind, by, subjects: named, reason }, now));
    return by;
  }

  /** The public half of the key that signs certificates, in PEM; nothing where the stage has none. */
  async certificateKey(): Promise<string | undefined> {
    const { CertificateKeyId } = this.outputs;
    if (CertificateKeyId === undefined || CertificateKeyId === 'none') return undefined;
    const { GetPublicKeyCommand, KMSClient } = await import('@aws-sdk/client-kms');
    const { PublicKey = new Uint8Array() } = await new KMSClient(this.#configuration).send(
      new GetPublicKeyCommand({ KeyId: CertificateKeyId }),
    );
    const lines =
      Buffer.from(PublicKey)
        .toString('base64')
        .match(/.{1,64}/g) ?? [];
    return ['-----BEGIN PUBLIC KEY-----', ...lines, '-----END PUBLIC KEY-----', ''].join('\n');
  }

  async stepFunctions() {
    const { SFNClient } = await import('@aws-sdk/client-sfn');
    this.#stepFunctions ??= new SFNClient(this.#configuration);
    return this.#stepFunctions;
  }

  async parameters() {
    const { SSMClient } = await import('@aws-sdk/client-ssm');
    return new SSMClient(this.#configuration);
  }

  async metrics() {
    const { CloudWatchClient } = await import('@aws-sdk/client-cloudwatch');
    return new CloudWatchClient(this.#configuration);
  }

  async topics() {
    const { SNSClient } = await import('@aws-sdk/client-sns');
    return new SNSClient(this.#configuration);
  }

  /** The archive of what was counted: its client and bucket; nothing where the stage keeps none. */
  async archive() {
    const { ArchiveBucketName: bucket = 'none' } = this.outputs;
    if (bucket === 'none') return undefined;
    const { S3Client } = await import('@aws-sdk/client-s3');
    return { s3: new S3Client(this.#configuration), bucket };
  }

  async queues() {
    const { SQSClient } = await import('@aws-sdk/client-sqs');
    // The endpoint decides where requests go, not the host in a queue's URL.
    return new SQSClient({ ...this.#configuration, useQueueUrlAsEndpoint: false });
  }

  /**
   * The adapter that the functions reach the invoice API through; undefined where it speaks the contract.
   * @throws InvalidSettings when the adapter's module is not here
   */
  async adapter(): Promise<InvoiceApiAdapter | undefined> {
    const { InvoiceApiAdapter: name = CONTRACT, InvoiceApiSettings: settings = '{}' } = this.outputs;
    if (name === CONTRACT) return undefined;
    const { adapterOf } = await import('../../config/adapter.ts');
    return (await adapterOf(name, JSON.parse(settings), `What stage ${this.target.name} was deployed with`)).adapter;
  }

  /** The invoice API itself, to read from. */
  async invoiceApi({ customers, timeoutSignal }: InvoiceApiOptions = {}): Promise<HttpInvoiceApi | AdaptedInvoiceApi> {
    const signal = timeoutSignal ? { timeoutSignal } : {};
    const adapter = await this.adapter();
    if (adapter) {
      const { adaptedApiOf } = await import('./adapted-api.ts');
      const options = { ...signal, ...(customers ? { customers } : {}), timeoutMilliseconds: API_TIMEOUT_MILLISECONDS };
      return adaptedApiOf(adapter, this.outputs, this.tables, options, this.#configuration);
    }
    const [{ httpInvoiceApi }, { parameterToken }] = await Promise.all([
      import('../../lib/invoice-api/http-invoice-api.ts'),
      import('../../lib/invoice-api/parameter-token.ts'),
    ]);
    return httpInvoiceApi({
      baseUrl: this.outputs.InvoiceApiUrl,
      token: parameterToken(this.outputs.InvoiceApiTokenParameter, this.#configuration).provide,
      timeoutMilliseconds: API_TIMEOUT_MILLISECONDS,
      maximumConnections: 2,
      ...signal,
    });
  }

  /** @throws RangeError when this machine does not know the time zone */
  get calendar(): BillingCalendar {
    return new BillingCalendar(this.outputs.BillingTimeZone, Number(this.outputs.SliceMinutes));
  }

  /** @throws InvalidQuota */
  get quota(): Quota {
    const { SendQuota, StatusQuota, SharedQuota } = this.outputs;
    return {
      send: parseQuotaWindows(SendQuota),
      status: parseQuotaWindows(StatusQuota),
      shared: parseQuotaWindows(SharedQuota),
    };
  }

  /** The tables as the readers of `lib/store` want them. */
  get tables() {
    const { UsageSlicesTableName, DailyRecordsTableName, PackagesTableName, RunsTableName } = this.outputs;
    return {
      client: this.dynamodb,
      usageSlices: UsageSlicesTableName,
      dailyRecords: DailyRecordsTableName,
      packages: PackagesTableName,
      runs: RunsTableName,
    };
  }
}
