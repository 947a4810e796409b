import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Template } from '../local/cloud/template/template.ts';
import { NO_FAULTS } from '../local/invoice-api-simulator/profiles.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../local/packaging/package-service.ts';
import { invoiceApiEnvironment, TOKEN_PARAMETER } from '../local/start/invoice-api-environment.ts';
import { type LocalService, startLocalService } from '../local/start/local-service.ts';
import { Random } from '../local/start/random.ts';
import type { FaultPlan } from './faults.ts';
import { type FaultyDynamoDb, startFaultyDynamoDb } from './faulty-dynamodb.ts';
import { TaskFaults } from './task-faults.ts';

/** The complete service as packaged, with everything between its parts that can go wrong. */
export interface RehearsedService {
  service: LocalService;
  api: InvoiceApiSimulator;
  dynamodb: FaultyDynamoDb;
  tasks: TaskFaults;
  /** How often functions were killed. */
  killed(): number;
  /** Lets things go wrong as planned, or nothing any more. */
  setFaults(plan: FaultPlan | undefined): void;
  stop(): Promise<void>;
}

/** A message of a function that died comes again after so long, instead of after minutes. */
const VISIBILITY_SECONDS = 4;
const KILLINGS_EVERY_MILLISECONDS = 700;

/** Starts it. What goes wrong is drawn from the seed. */
export async function startRehearsedService(seed: number): Promise<RehearsedService> {
  const folder = mkdtempSync(join(tmpdir(), 'halfmonth-rehearsal-'));
  const dynamodb = await startFaultyDynamoDb(new Random(seed ^ 0xd1));
  const tasks = new TaskFaults(new Random(seed ^ 0x7a));
  const api = await startInvoiceApiSimulator({ profile: 'demo', seed, faults: NO_FAULTS });
  const service = await startLocalService({
    packageFolder: await packageService({ stage: 'local' }),
    folder,
    keepData: false,
    environmentOverrides: {
      ...invoiceApiEnvironment(api.url, { invoiceApi: { kind: 'simulator', profile: 'demo', seed } }),
      // Before the engine, so that what goes wrong on the wire does.
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
      REQUEST_TIMEOUT_SECONDS: '1',
    },
    parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
    transformTemplate: withShortVisibility,
    interceptTask: tasks.intercept,
  });
  dynamodb.target = service.cloud.engineEndpoint;
  const killer = new Killer(service, new Random(seed ^ 0x51));
  return {
    service,
    api,
    dynamodb,
    tasks,
    killed: () => killer.killed,
    setFaults(plan) {
      dynamodb.shares = plan?.requests ?? {};
      tasks.shares = plan?.tasks ?? {};
      killer.share = plan?.operations.functionsKilled ?? 0;
      api.setFaults({ ...NO_FAULTS, ...plan?.api });
    },
    async stop() {
      await killer.stop();
      await service.stop();
      await dynamodb.stop();
      await api.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function withShortVisibility(template: Template): Template {
  for (const { Type, Properties } of Object.values(template.Resources)) {
    if (Type === 'AWS::SQS::Queue' && Properties?.VisibilityTimeout) Properties.VisibilityTimeout = VISIBILITY_SECONDS;
  }
  return template;
}

/** Kills all that a function has running, at random moments. */
class Killer {
  share = 0;
  killed = 0;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;

  constructor({ cloud }: LocalService, random: Random) {
    this.#running = this.#run(cloud, random);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
  }

  async #run(cloud: LocalService['cloud'], random: Random): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      // Ends at once when it is stopped.
      await delay(KILLINGS_EVERY_MILLISECONDS, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (!random.happens(this.share * 1_000)) continue;
      await random.pick(cloud.functions).crash();
      this.killed += 1;
    }
  }
}
