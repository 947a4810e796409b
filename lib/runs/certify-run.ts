import type { Account } from '../certificate/account.ts';
import { makeCertificate } from '../certificate/balance.ts';
import type { Certificate } from '../certificate/certificate.ts';
import { digestOfLists } from '../certificate/seal.ts';
import { type Signer, sign } from '../certificate/signature.ts';
import { MeterSums, sumOfTotals } from '../decimal/meter-sums.ts';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { Intervention } from '../interventions/intervention.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { CertificateStore } from '../store/certificate-store.ts';
import type { InterventionStore } from '../store/intervention-store.ts';
import type { LateLedger, OpenLateUsage } from '../store/late-ledger.ts';
import type { ObservationStore } from '../store/period-closing-store.ts';
import type { RunStore } from '../store/run-store.ts';
import { type ControlDifference, type ControlTotal, holdAgainstControl } from '../usage/control-total.ts';
import type { MeterTotals } from '../usage/records.ts';
import type { RunAccount } from './chunk-steps.ts';
import type { ChunkSums } from './chunk-sums.ts';
import { loadControl, type ReadControlTotal } from './control.ts';
import type { QueueLook } from './look-at-queue.ts';
import type { PeriodEvidence } from './period-evidence.ts';
import type { RunContext } from './run.ts';

/** Only runs of other periods that are certified in the same moment take a link away. */
const LINK_ATTEMPTS = 10;
/** The index of late usage follows its table within a second or so; what is not in it after a minute is lost. */
const PAUSES_FOR_INDEX_MILLISECONDS = [1_000, 4_000, 15_000, 40_000];

/** Other certificates took every link that this one was made for; trying the task again is right. */
export class ChainContended extends HalfmonthError {
  readonly code = 'CHAIN_CONTENDED';

  constructor(periodId: string) {
    super(`The certificate of ${periodId} found its place in the chain taken ${LINK_ATTEMPTS} times. Redrive the run.`);
  }
}

/** What certifying needs. */
export interface CertifyDependencies {
  runs: RunStore;
  certificates: CertificateStore;
  observations: ObservationStore;
  late: Pick<LateLedger, 'notYetBilled'>;
  interventions: Pick<InterventionStore, 'list'>;
  controlTotal: ReadControlTotal;
  /** Absent where the stage keeps no archive. */
  evidence?: ((periodId: PeriodId, meters: Iterable<string>) => Promise<PeriodEvidence>) | undefined;
  timeZone: string;
  configurationHash: string;
  /** Absent where the stage has no key. */
  signer?: Signer | undefined;
  /** Waits for so many milliseconds. */
  pause: (milliseconds: number) => Promise<unknown>;
}

/** What a run's workers found: while they packaged (`made`), and once everything was sent. */
export interface RunFindings extends RunAccount {
  made: ChunkSums;
}

/**
 * Makes and stores the closing certificate of a run; one that it has already stays.
 * @throws AccountUnbalanced
 */
export async function certifyRun(
  run: RunContext,
  findings: RunFindings,
  certifiedAt: string,
  dependencies: CertifyDependencies,
): Promise<Certificate> {
  const { certificates, observations, runs, timeZone, configurationHash, signer } = dependencies;
  const kept = await certificates.load(run.period.id, run.startedAt, run.runId);
  if (kept) return kept;
  const state = await runs.loadPeriodState(run.period.id);
  // A run that failed after planning has set `closedAt`, yet closed nothing.
  const wasClosedBefore = state?.lastClosedByRun !== undefined && state.lastClosedByRun !== run.runId;
  const parts = {
    run: {
      id: run.runId,
      executionArn: run.executionArn,
      startedAt: run.startedAt,
      certifiedAt,
      ...(run.clients ? { clients: run.clients } : {}),
    },
    period: { ...run.period, timeZone },
    configurationHash,
    ...(await queueOf(run, runs)),
    ...sumsOf(
      findings,
      await observations.load(run.period.id),
      wasClosedBefore,
      await lateAndControl(run, findings, dependencies),
    ),
    interventions: await interventionsOf(run, dependencies.interventions),
    ...(await archivedOf(run, findings, dependencies)),
  };
  for (let attempt = 1; attempt <= LINK_ATTEMPTS; attempt++) {
    const link = await nextLink(run, certificates);
    const certificate = makeCertificate({ ...parts, ...link }, findings.account.faults);
    const stored = await certificates.put(signer ? await sign(certificate, signer) : certificate);
    if (stored) return stored;
  }
  throw new ChainContended(run.period.id);
}

/** Where in the chain of all certificates the next one stands. */
async function nextLink(
  run: RunContext,
  certificates: CertificateStore,
): Promise<Pick<Certificate, 'number' | 'previous'>> {
  const last = await certificates.lastLink();
  if (last) {
    const { periodId, runId, hash } = last;
    return { number: last.number + 1, previous: { periodId, runId, hash } };
  }
  const before = await certificates.before(run.period.id, run.runId);
  return {
    number: 1,
    previous: before ? { periodId: before.period.id, runId: before.run.id, hash: before.hash } : null,
  };
}

/** Those of the period, and those of no single one that may have touched it. */
async function interventionsOf(
  { period }: RunContext,
  store: Pick<InterventionStore, 'list'>,
): Promise<Intervention[]> {
  const found = await Promise.all([store.list(period.id), store.list(undefined, period.from)]);
  return found.flat().sort((one, other) => (one.at < other.at ? -1 : Number(one.at > other.at)));
}

/** What the run found in the queue when it looked last. */
async function queueOf(run: RunContext, runs: RunStore): Promise<Pick<Certificate, 'queue'>> {
  const record = await runs.loadRunRecord(run.period.id, run.startedAt, run.runId);
  // Written by look-at-queue alone.
  const queue = record?.queue as QueueLook | undefined;
  if (!queue) return {};
  const { lookedAt, waiting, inFlight, deadLetters } = queue;
  return { queue: { lookedAt, waiting, inFlight, deadLetters } };
}

/** What the archive holds of the period. */
async function archivedOf(
  { period }: RunContext,
  { account }: RunFindings,
  { evidence }: CertifyDependencies,
): Promise<Pick<Certificate, 'evidence'>> {
  return evidence ? { evidence: await evidence(period.id, Object.keys(account.days)) } : {};
}

/** Late usage that is in no package, and what ingestion counted; no control where it counted nothing of the period. */
interface LateAndControl {
  late: OpenLateUsage;
  control?: NonNullable<Certificate['usage']['control']>;
}

/**
 * Reads first what ingestion has counted and then what no package holds yet: once a period is closed, each event that
 * was counted is in its daily record or listed as late. So the two must cover the first, whatever is counted meanwhile.
 */
async function lateAndControl(
  run: RunContext,
  { account }: RunFindings,
  { runs, late: ledger, controlTotal, pause }: CertifyDependencies,
): Promise<LateAndControl> {
  const notYetBilled = () => ledger.notYetBilled(run.period.id, undefined, run.clients);
  const before = await loadControl(runs, run.runId);
  if (!before) return { late: await notYetBilled() };
  const after = await controlTotal(run.period.id);
  let late = await notYetBilled();
  for (const milliseconds of PAUSES_FOR_INDEX_MILLISECONDS) {
    if (after.events <= account.events + late.events) break;
    await pause(milliseconds);
    late = await notYetBilled();
  }
  if (!after.isWhole && after.events === 0) return { late };
  const meanwhile = after.events - before.events;
  const counted = { events: before.events, meanwhile, unsure: after.unsureEvents, late: late.events };
  if (!after.isWhole) return { late, control: { partial: true, ...counted, differences: [] } };
  const differences = differingGroups(before, after, account, late).map(({ meters, expected, actual }) => ({
    meters,
    ...expected,
    found: actual,
  }));
  return { late, control: { ...counted, differences } };
}

/**
 * Sums are held against each other where it is certain which events they are of: nothing came meanwhile, or what came
 * is in the daily records or late, each event in one of them.
 */
function differingGroups(
  before: ControlTotal,
  after: ControlTotal,
  account: Pick<Account, 'events' | 'days'>,
  late: OpenLateUsage,
): ControlDifference[] {
  if (after.events === before.events) {
    return holdAgainstControl(before, after, { events: account.events, totals: account.days }).groups;
  }
  const events = account.events + late.events;
  if (after.unsureEvents > 0 || events !== after.events) return [];
  return holdAgainstControl(after, after, { events, totals: sumOfTotals(account.days, late.totals) }).groups;
}

function sumsOf(
  { made, account, lists }: RunFindings,
  observed: { duplicates: number; rejected: number },
  wasClosedBefore: boolean,
  { late, control }: LateAndControl,
) {
  const { processed, rejected, parked, outstanding } = account.packages;
  return {
    usage: {
      clients: account.clients,
      clientDays: account.clientDays,
      slices: { events: made.events, totals: withoutZeros(made.usage) },
      days: { events: account.events, totals: account.days },
      observed,
      ...(control ? { control } : {}),
    },
    packages: {
      total: processed + rejected + parked + outstanding,
      processed,
      rejected,
      parked,
      corrections: account.corrections,
      waiting: made.decisions.wait ?? 0,
    },
    billed: {
      lastProcessed: account.lastProcessed,
      revisions: account.revisions,
      rejected: account.rejected,
      parked: account.parked,
      open: account.open,
    },
    acknowledgements: { count: account.acknowledged, lists: lists.length, digest: digestOfLists(lists) },
    lateUsage: {
      before: wasClosedBefore ? withoutZeros(made.difference) : {},
      after: { events: late.events, totals: withoutZeros(late.totals) },
    },
  };
}

function withoutZeros(totals: MeterTotals): MeterTotals {
  return new MeterSums().addAll(totals).totals();
}
