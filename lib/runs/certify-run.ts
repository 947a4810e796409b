import { makeCertificate } from '../certificate/balance.ts';
import type { Certificate } from '../certificate/certificate.ts';
import { digestOfLists } from '../certificate/seal.ts';
import { type Signer, sign } from '../certificate/signature.ts';
import { MeterSums } from '../decimal/meter-sums.ts';
import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { Intervention } from '../interventions/intervention.ts';
import type { CertificateStore } from '../store/certificate-store.ts';
import type { InterventionStore } from '../store/intervention-store.ts';
import type { LateLedger, OpenLateUsage } from '../store/late-ledger.ts';
import type { ObservationStore } from '../store/period-closing-store.ts';
import type { RunStore } from '../store/run-store.ts';
import { holdAgainstControl } from '../usage/control-total.ts';
import type { MeterTotals } from '../usage/records.ts';
import type { RunAccount } from './chunk-steps.ts';
import type { ChunkSums } from './chunk-sums.ts';
import { loadControl, type ReadControlTotal } from './control.ts';
import type { QueueLook } from './look-at-queue.ts';
import type { RunContext } from './run.ts';

/** Only runs of other periods that are certified in the same moment take a link away. */
const LINK_ATTEMPTS = 10;

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
  timeZone: string;
  configurationHash: string;
  /** Absent where the stage has no key. */
  signer?: Signer | undefined;
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
  const { certificates, observations, late, runs, timeZone, configurationHash, signer } = dependencies;
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
      await late.notYetBilled(run.period.id, undefined, run.clients),
      await controlOf(run, findings, dependencies),
    ),
    interventions: await interventionsOf(run, dependencies.interventions),
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

/** What ingestion counted of the period, held against its days; nothing where it counted none of them. */
async function controlOf(
  run: RunContext,
  { account }: RunFindings,
  { runs, controlTotal }: CertifyDependencies,
): Promise<Certificate['usage']['control']> {
  const before = await loadControl(runs, run.runId);
  if (!before) return undefined;
  const after = await controlTotal(run.period.id);
  const meanwhile = after.events - before.events;
  const counted = { events: before.events, meanwhile, unsure: after.unsureEvents };
  if (!after.isWhole) return after.events === 0 ? undefined : { partial: true, ...counted, differences: [] };
  const { groups } = holdAgainstControl(before, after, { events: account.events, totals: account.days });
  const differences = (meanwhile === 0 ? groups : []).map(({ meters, expected, actual }) => ({
    meters,
    ...expected,
    found: actual,
  }));
  return { ...counted, differences };
}

function sumsOf(
  { made, account, lists }: RunFindings,
  observed: { duplicates: number; rejected: number },
  wasClosedBefore: boolean,
  late: OpenLateUsage,
  control: Certificate['usage']['control'],
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
