import type { MeterTotals } from '../../lib/usage/records.ts';
import { command } from '../terminal/next-command.ts';
import { plural, totalsWords } from '../terminal/words.ts';

/** What a person can do next, and why. */
export interface NextStep {
  why: string;
  /** To be typed as it stands, but for words in capitals. */
  command: string;
}

/** What decides what comes next in a period. */
export interface PeriodStanding {
  periodId: string;
  hasEnded: boolean;
  run: { runId: string; status: string; failure?: string | undefined } | undefined;
  packages: { held: number; ready: number; sending: number; submitted: number; rejected: number; parked: number };
  /** What the rejected packages of the certified period hold, by meter. */
  rejectedTotals?: MeterTotals | undefined;
  late: { events: number; totals: MeterTotals };
  isCertified: boolean;
  /** Why nobody may send to the invoice API now, in words; absent when anybody may. */
  block?: string | undefined;
  tokenParameter: string;
}

/** How an execution ended that did not succeed. */
const ENDED_BADLY = ['FAILED', 'TIMED_OUT', 'ABORTED'];

/** What to do next in a period, the most urgent first; there always is something. */
export function nextSteps(standing: PeriodStanding): NextStep[] {
  const { periodId, hasEnded, run, block, packages } = standing;
  if (run?.status === 'RUNNING' || run?.status === 'PENDING_REDRIVE') {
    return [
      ...(block === undefined
        ? []
        : [{ why: `nothing is sent ${block}: see it, and how to lift it`, command: command('quota') }]),
      ...stepsOfHeld(periodId, packages.held),
      { why: 'it runs', command: `${command('watch')} ${periodId}` },
    ];
  }
  if (run && ENDED_BADLY.includes(run.status)) return stepsAfterFailure({ ...standing, run });
  if (!hasEnded) return [{ why: 'the period has not ended', command: `${command('run')} ${periodId} --preview` }];
  if (!run) return [{ why: 'nothing has closed it', command: `${command('run')} ${periodId}` }];
  const steps = [...stepsOfPackages(standing), ...stepsOfOpen(standing)];
  if (steps.length > 0) return steps;
  return standing.isCertified
    ? [{ why: 'closed, nothing is open', command: `${command('certificate')} ${periodId} --verify` }]
    : [{ why: 'no certificate yet', command: `${command('run')} ${periodId}` }];
}

/** What to do about a run that failed or was stopped, by the error that ended it. */
export function stepsAfterFailure(
  standing: Pick<PeriodStanding, 'periodId' | 'packages' | 'tokenParameter'> & {
    run: { runId: string; status: string; failure?: string | undefined };
  },
): NextStep[] {
  const { periodId, run, tokenParameter } = standing;
  const redrive = (why: string): NextStep => ({ why, command: `${command('redrive')} ${run.runId}` });
  const seeWhat = (): NextStep => ({ why: 'what happened', command: `${command('execution')} ${run.runId}` });
  const anew = (why: string): NextStep => ({ why, command: `${command('run')} ${periodId}` });
  switch (run.failure?.split(':')[0]) {
    case 'InvoiceApiRefusedCredentials':
      return [
        {
          why: `the API refused the token in ${tokenParameter}: write the right one, from standard input`,
          command: `${command('token')} --put`,
        },
        redrive('then let the run go on'),
      ];
    case 'PackagesParked':
      return [...stepsOfPackages(standing), redrive('then let the run go on')];
    case 'CanaryFailed':
    case 'TooManyPackagesFailed':
      return [
        { why: 'why they failed', command: `${command('packages')} ${periodId} --status rejected,parked` },
        ...stepsOfPackages(standing),
        redrive('then let the run go on'),
      ];
    case 'AccountUnbalanced':
      return [
        { why: 'what is known of the client', command: `${command('explain')} CLIENT ${periodId}` },
        anew('when it is mended, a new run; a redrive would read the old account'),
      ];
    case 'InvalidRunInput':
    case 'InvalidPeriod':
    case 'TooManyRounds':
      return [anew('it cannot go on itself: start another')];
    case 'States.Timeout':
      if (standing.packages.held === 0) return [seeWhat(), redrive('when the cause is mended, let it go on')];
      return [
        redrive('nobody has decided in time on what is held: let it ask again'),
        ...stepsOfHeld(periodId, standing.packages.held),
      ];
    default:
      return run.status === 'ABORTED'
        ? [redrive('it was stopped: let it go on'), anew('or start another, which does what is left')]
        : [seeWhat(), redrive('when the cause is mended, let it go on')];
  }
}

function stepsOfHeld(periodId: string, held: number): NextStep[] {
  if (held === 0) return [];
  return [
    {
      why: `${plural(held, 'package')} held, for approval: see why`,
      command: `${command('packages')} ${periodId} --status held`,
    },
    { why: 'then approve (or refuse)', command: `${command('approve')} ${periodId} --client CLIENT --reason TEXT` },
  ];
}

function stepsOfPackages({
  periodId,
  packages: { rejected, parked },
  rejectedTotals,
}: Pick<PeriodStanding, 'periodId' | 'rejectedTotals'> & {
  packages: Pick<PeriodStanding['packages'], 'rejected' | 'parked'>;
}): NextStep[] {
  const amounts = rejectedTotals && Object.keys(rejectedTotals).length > 0 ? `: ${totalsWords(rejectedTotals)}` : '';
  return [
    ...(parked > 0
      ? [{ why: `${plural(parked, 'package')} parked, for a person`, command: `${command('parked')} ${periodId}` }]
      : []),
    ...(rejected > 0
      ? [
          {
            why: `${plural(rejected, 'package')} rejected by the API and not billed${amounts}: see why`,
            command: `${command('packages')} ${periodId} --status rejected`,
          },
          {
            why: 'when the cause is mended, send them again',
            command: `${command('parked release')} --rejected ${periodId} --reason TEXT`,
          },
        ]
      : []),
  ];
}

function stepsOfOpen({ periodId, late, packages: { held, ready, sending, submitted } }: PeriodStanding): NextStep[] {
  const open = held + ready + sending + submitted;
  const whys = [
    ...(open > 0 ? [`${plural(open, 'package')} not done and no run sees to it`] : []),
    ...(late.events > 0 ? [`${plural(late.events, 'late event')} not billed yet (${totalsWords(late.totals)})`] : []),
  ];
  return whys.length === 0 ? [] : [{ why: whys.join(', '), command: `${command('run')} ${periodId}` }];
}
