import type { Account, RejectedPackage } from '../certificate/account.ts';
import type { Certificate } from '../certificate/certificate.ts';
import type { Signer } from '../certificate/signature.ts';
import { forecastEnd } from '../quota/forecast.ts';
import { parseQuotaWindows } from '../quota/quota.ts';
import type { CertificateStore } from '../store/certificate-store.ts';
import type { InterventionStore } from '../store/intervention-store.ts';
import type { LateLedger } from '../store/late-ledger.ts';
import type { ObservationStore } from '../store/period-closing-store.ts';
import type { QuotaCalendarStore } from '../store/quota-calendar-store.ts';
import type { RunStore } from '../store/run-store.ts';
import type { MeterTotals } from '../usage/records.ts';
import { type CertifyDependencies, certifyRun } from './certify-run.ts';
import { ChunkSteps } from './chunk-steps.ts';
import type { ChunkSums } from './chunk-sums.ts';
import type { ReadControlTotal } from './control.ts';
import { ClientsLeft, LeftClients, type LeftClientsFound } from './left-clients.ts';
import { keepPeriodLock } from './period-lock.ts';
import { assertKnownRun, type PlanPurpose, type RunContext } from './run.ts';

/** What the state machine tells its last task. */
export interface ClosePeriodEvent {
  run: RunContext;
}

/** What closing needs. */
export interface ClosePeriodDependencies {
  runs: RunStore;
  certificates: CertificateStore;
  observations: ObservationStore;
  late: Pick<LateLedger, 'notYetBilled'>;
  interventions: Pick<InterventionStore, 'list'>;
  controlTotal: ReadControlTotal;
  /** What the archive holds of a period; absent where the stage keeps none. */
  evidence?: CertifyDependencies['evidence'];
  timeZone: string;
  /** SHA-256, in hex, of the stage's settings. */
  configurationHash: string;
  /** Signs certificates; absent where the stage has no key. */
  signer?: Signer | undefined;
  /** Waits for so many milliseconds. */
  pause: (milliseconds: number) => Promise<unknown>;
  /** Says when a run would have sent so many packages, for a preview. */
  forecastSending: (packages: number, now: number) => Promise<SendingForecast>;
  /** Milliseconds since the epoch. */
  now: () => number;
}

/** The output of an execution: small, whatever the period's size. The whole is in the runs table. */
export interface RunSummary {
  runId: string;
  periodId: string;
  mode: RunContext['mode'];
  finishedAt: string;
  clients: number;
  clientDays: number;
  events: number;
  /** Usage by meter; at most {@link METERS_SHOWN} meters. */
  usage: MeterTotals;
  /** Meters left out here for size. */
  metersLeftOut: number;
  packages: Partial<Record<string, number>>;
  /** What this run's revisions add to what was processed before, by meter. */
  difference: MeterTotals;
  /** The packages whose usage nobody is billed for, since the invoice API rejected them; absent when there are none. */
  rejected?: RejectedUsage;
  /** Client counts of a preview. */
  clientsByChange?: ChunkSums['clientsByChange'];
  /** How long a preview's packages would take to send. */
  forecast?: SendingForecast;
  /** Counted events that are not in the archive; absent when there are none. */
  eventsWithoutEvidence?: number;
  /** The hash of the run's closing certificate; absent for a preview. */
  certificateHash?: string;
  /** What to look at, in words; absent when there is nothing. */
  warnings?: string[];
}

/** What the invoice API rejected. */
export interface RejectedUsage {
  packages: number;
  /** By meter; at most {@link METERS_SHOWN} meters. */
  totals: MeterTotals;
  /** The first of them; at most {@link METERS_NAMED} meters each. */
  named: RejectedPackage[];
}

const METERS_SHOWN = 200;
const METERS_NAMED = 10;

/**
 * Ends a run: adds up what the workers folded, makes the certificate, marks the period, keeps the run's record and
 * releases the lock. May run again; a run that has its certificate keeps it.
 * @throws PeriodLocked, UnknownVersion
 * @throws ClientsLeft when some clients could not be packaged or balanced; all others are packaged and sent
 * @throws AccountUnbalanced when the run's account does not balance; the period is not certified then
 */
export async function closePeriod(event: ClosePeriodEvent, dependencies: ClosePeriodDependencies): Promise<RunSummary> {
  assertKnownRun(event);
  const { run } = event;
  const { runs, now } = dependencies;
  if (run.mode === 'close') await keepPeriodLock(runs, run);
  const chunkCount = await runs.loadChunkCount(run.runId);
  const steps = (purpose: PlanPurpose) => new ChunkSteps(runs, run.runId, purpose);
  const finishedAt = new Date(now()).toISOString();
  const making = steps(run.mode === 'preview' ? 'preview' : 'package');
  const { sums: made, left } = await making.sums(chunkCount);
  const found = run.mode === 'preview' ? undefined : await balanced(steps('account'), chunkCount, left, run);
  const certificate = found && (await certifyRun(run, { made, ...found }, finishedAt, dependencies));
  const account = found?.sums ?? made;
  const usage = found?.account.days ?? made.usage;
  const summary = summaryOf(run, finishedAt, made, { ...account, usage }, certificate, left);
  const rejected = rejectedIn(found?.account);
  if (rejected) summary.rejected = rejected;
  tellOfEvidence(summary, certificate);
  if (run.mode === 'preview') summary.forecast = await dependencies.forecastSending(packagesToSend(made), now());
  await runs.updateRunRecord(run.period.id, {
    runId: run.runId,
    startedAt: run.startedAt,
    finishedAt,
    chunkCount,
    summary,
  });
  if (run.mode === 'close') {
    if (!run.clients) await runs.markFinished(run.period.id, run.runId, finishedAt);
    await runs.releaseLock(run.period.id, run.executionArn);
  }
  return summary;
}

/** @throws ClientsLeft where packaging or the account had to leave some: their figures are in no sum */
async function balanced(steps: ChunkSteps, chunkCount: number, leftBefore: LeftClientsFound, run: RunContext) {
  const account = await steps.account(chunkCount);
  const left = new LeftClients();
  left.addAll(leftBefore);
  left.addAll(account.left);
  if (left.found.count > 0) throw new ClientsLeft(run.period.id, left.found);
  return account;
}

/** What has no evidence is billed all the same; whoever is asked for it later should not be the first to know. */
function tellOfEvidence(summary: RunSummary, certificate: Certificate | undefined): void {
  const events = certificate?.evidence?.withoutEvidence.events ?? 0;
  if (events === 0) return;
  summary.eventsWithoutEvidence = events;
  const warning = `${events} counted events are not in the archive: the certificate says of which meters.`;
  summary.warnings = [...(summary.warnings ?? []), warning];
}

function summaryOf(
  run: RunContext,
  finishedAt: string,
  made: ChunkSums,
  account: ChunkSums,
  certificate: Certificate | undefined,
  left: LeftClientsFound,
): RunSummary {
  const warnings = warningsOf({ ...account, daysWithMissingSlices: made.daysWithMissingSlices }, left);
  return {
    runId: run.runId,
    periodId: run.period.id,
    mode: run.mode,
    finishedAt,
    clients: account.clients,
    clientDays: account.days,
    events: account.events,
    usage: shown(account.usage),
    metersLeftOut: Math.max(0, Object.keys(account.usage).length - METERS_SHOWN),
    packages: run.mode === 'preview' ? made.decisions : account.states,
    difference: shown(made.difference),
    ...(run.mode === 'preview' ? { clientsByChange: made.clientsByChange } : {}),
    ...(certificate ? { certificateHash: certificate.hash } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

function rejectedIn(account: Account | undefined): RejectedUsage | undefined {
  if (!account || account.packages.rejected === 0) return undefined;
  const { packages, rejected, rejectedPackages = [] } = account;
  const named = rejectedPackages.map(({ packageId, totals }) => ({ packageId, totals: shown(totals, METERS_NAMED) }));
  return { packages: packages.rejected, totals: shown(rejected), named };
}

function shown(totals: MeterTotals, meters = METERS_SHOWN): MeterTotals {
  return Object.fromEntries(Object.entries(totals).slice(0, meters));
}

function warningsOf(sums: ChunkSums, left: LeftClientsFound): string[] {
  const warnings: string[] = [];
  if (left.count > 0) {
    const named = left.named.map(({ clientId, reason }) => `${clientId} (${reason})`).join('; ');
    warnings.push(`${left.count} clients would be left as they are, and the period without a certificate: ${named}.`);
  }
  if (sums.clientsWithoutRecords > 0) {
    warnings.push(
      `${sums.clientsWithoutRecords} clients have packages but no daily record, or fewer events in them than were packaged: nothing was changed for them. Restore the daily records table.`,
    );
  }
  if (sums.daysWithMissingSlices > 0) {
    warnings.push(
      `${sums.daysWithMissingSlices} client-days have fewer events in their slices than when they were folded: their daily records were kept.`,
    );
  }
  return warnings;
}

/** When a run that started now would have sent its last package. */
export interface SendingForecast {
  packages: number;
  /** RFC 3339, UTC. */
  expectedEndAt: string;
}

/** The quota as functions are told it: windows such as `60/60,5000/86400`, or `none`. */
export interface QuotaTexts {
  send: string;
  status: string;
  shared: string;
}

/**
 * Makes forecasts by the quota and what is booked in its calendar at that time.
 * @param concurrency requests that may be under way at once
 * @throws InvalidQuota
 */
export function sendingForecasts(
  calendar: Pick<QuotaCalendarStore, 'load'>,
  { send, status, shared }: QuotaTexts,
  concurrency: number,
): (packages: number, now: number) => Promise<SendingForecast> {
  const quota = {
    send: parseQuotaWindows(send),
    status: parseQuotaWindows(status),
    shared: parseQuotaWindows(shared),
  };
  return async (packages, now) => {
    const { past } = await calendar.load();
    const end = forecastEnd({ packages, quota, past, concurrency, now });
    return { packages, expectedEndAt: new Date(end).toISOString() };
  };
}

/** The packages that a run would send, from what its preview found: those it would make, and those that still wait. */
export function packagesToSend({ decisions, states }: ChunkSums): number {
  const { create = 0, revise = 0, wait = 0, withdraw = 0, discard = 0 } = decisions;
  return create + revise + wait + states.ready + states.sending - withdraw - discard;
}
