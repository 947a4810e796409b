import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { NO_FAULTS, type ProfileName } from '../local/invoice-api-simulator/profiles.ts';
import { type InvoiceApiSimulator, startInvoiceApiSimulator } from '../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../local/packaging/package-service.ts';
import { invoiceApiEnvironment, TOKEN_PARAMETER } from '../local/start/invoice-api-environment.ts';
import { type LocalService, startLocalService } from '../local/start/local-service.ts';
import { Random } from '../local/start/random.ts';
import { ApiFaults } from './api-faults.ts';
import type { FaultPlan } from './faults.ts';
import { type FaultyDynamoDb, startFaultyDynamoDb } from './faulty-dynamodb.ts';
import { TaskFaults } from './task-faults.ts';
import { virtualTime } from './time/main.ts';

/** The complete service as packaged, with everything between its parts that can go wrong. */
export interface RehearsedService {
  service: LocalService;
  api: InvoiceApiSimulator;
  apiFaults: ApiFaults;
  dynamodb: FaultyDynamoDb;
  tasks: TaskFaults;
  /** How often functions were killed. */
  killed(): number;
  /** Lets things go wrong as planned, or nothing any more. */
  setFaults(plan: FaultPlan | undefined): void;
  stop(): Promise<void>;
}

/** Between two moments at which a function may be killed. */
const KILLING_AFTER_MILLISECONDS = { least: 200, most: 60_000 };
/** As config/local.yml has been promised. */
const KEY_LIFETIME_SECONDS = 86_400;
/** Less than the two seconds that Lambdas may differ by. */
const MOST_SKEW_MILLISECONDS = 900;

/** Starts it. What goes wrong is drawn from the seed. */
export async function startRehearsedService(seed: number, profile: ProfileName): Promise<RehearsedService> {
  const folder = mkdtempSync(join(tmpdir(), 'halfmonth-rehearsal-'));
  const dynamodb = await startFaultyDynamoDb(new Random(seed ^ 0xd1));
  const tasks = new TaskFaults(new Random(seed ^ 0x7a));
  const api = await startInvoiceApiSimulator({
    profile,
    seed,
    faults: NO_FAULTS,
    keyLifetimeSeconds: KEY_LIFETIME_SECONDS,
  });
  const service = await startLocalService({
    packageFolder: await packageService({ stage: 'local' }),
    folder,
    keepData: false,
    environmentOverrides: {
      ...invoiceApiEnvironment(api.url, { invoiceApi: { kind: 'simulator', profile, seed } }),
      // Before the engine, so that what goes wrong on the wire does.
      AWS_ENDPOINT_URL_DYNAMODB: dynamodb.endpoint,
    },
    parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
    interceptTask: tasks.intercept,
  });
  dynamodb.target = service.cloud.engineEndpoint;
  const apiFaults = new ApiFaults(api, profile, new Random(seed ^ 0xa9));
  const clocks = new Random(seed ^ 0xc1);
  const killer = new Killer(service, new Random(seed ^ 0x51));
  return {
    service,
    api,
    apiFaults,
    dynamodb,
    tasks,
    killed: () => killer.killed,
    setFaults(plan) {
      dynamodb.shares = plan?.requests ?? {};
      tasks.shares = plan?.tasks ?? {};
      killer.share = plan?.operations.functionsKilled ?? 0;
      apiFaults.set(plan);
      const differ = plan?.operations.clocksDiffer !== undefined;
      virtualTime.skew(() => (differ ? clocks.integer(-MOST_SKEW_MILLISECONDS, MOST_SKEW_MILLISECONDS) : 0));
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
      const wait = random.integer(KILLING_AFTER_MILLISECONDS.least, KILLING_AFTER_MILLISECONDS.most);
      await delay(wait, undefined, { signal: this.#stopping.signal }).catch(() => {});
      if (!random.happens(this.share * 1_000)) continue;
      await random.pick(cloud.functions).crash();
      this.killed += 1;
    }
  }
}
