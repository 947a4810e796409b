import type { Quota, QuotaWindow } from '../lib/quota/quota.ts';
import { NO_FAULTS, PROFILES, type Profile, type ProfileName } from '../local/invoice-api-simulator/profiles.ts';
import type { InvoiceApiSimulator } from '../local/invoice-api-simulator/simulator.ts';
import type { Random } from '../local/start/random.ts';
import type { FaultPlan } from './faults.ts';

const SOON_MILLISECONDS = 60_000;
/** A hiccup, a restart, a deployment, half a night, and longer than an idempotency key is kept. */
const DOWN_FOR_SECONDS = [60, 600, 3_600, 14_400, 108_000];
const CUT_TO = 10;

/** What goes wrong at the invoice API: single requests and packages, hours of outage, a quota that is cut unsaid. */
export class ApiFaults {
  readonly happened = new Map<'apiDown' | 'quotaCut', number>();
  readonly #api: InvoiceApiSimulator;
  readonly #quota: Quota;
  readonly #random: Random;
  #timers: NodeJS.Timeout[] = [];

  constructor(api: InvoiceApiSimulator, profile: ProfileName, random: Random) {
    const { quota }: Profile = PROFILES[profile];
    this.#api = api;
    this.#quota = quota;
    this.#random = random;
  }

  /** Lets things go wrong as planned from now on, or nothing any more. */
  set(plan: FaultPlan | undefined): void {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
    const usual = { ...NO_FAULTS, ...plan?.api };
    this.#api.setFaults(usual);
    this.#api.setQuota(this.#quota);
    const { apiDown = 0, quotaCut = 0 } = plan?.operations ?? {};
    if (this.#random.happens(apiDown * 1_000)) {
      const fault = this.#random.pick(['unavailable', 'connectionReset', 'serverError'] as const);
      const seconds = this.#random.pick(DOWN_FOR_SECONDS);
      this.#soon('apiDown', () => {
        this.#api.setFaults({ ...usual, [fault]: 1 });
        this.#timers.push(setTimeout(() => this.#api.setFaults(usual), seconds * 1_000));
      });
    }
    if (this.#random.happens(quotaCut * 1_000)) this.#soon('quotaCut', () => this.#api.setQuota(cut(this.#quota)));
  }

  #soon(kind: 'apiDown' | 'quotaCut', begin: () => void): void {
    const wait = this.#random.integer(0, SOON_MILLISECONDS);
    this.#timers.push(
      setTimeout(() => {
        this.happened.set(kind, (this.happened.get(kind) ?? 0) + 1);
        begin();
      }, wait),
    );
  }
}

function cut({ send, status, shared }: Quota): Quota {
  const tenth = (windows: readonly QuotaWindow[]) =>
    windows.map(({ requests, seconds }) => ({ requests: Math.ceil(requests / CUT_TO), seconds }));
  return { send: tenth(send), status: tenth(status), shared: tenth(shared) };
}
