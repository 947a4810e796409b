import type { FaultRates } from '../local/invoice-api-simulator/profiles.ts';
import { Random } from '../local/start/random.ts';

/** What can happen to a request to DynamoDB on its way. */
export const REQUEST_FAULTS = ['throttled', 'serverError', 'lost', 'unanswered', 'slow', 'unprocessed'] as const;
export type RequestFault = (typeof REQUEST_FAULTS)[number];

/**
 * What can happen to a Task: its function is never called; it is called and its answer lost; it is called twice at
 * once; it is given up, and works on while another copy does its work.
 */
export const TASK_FAULTS = ['notInvoked', 'answerLost', 'invokedTwice', 'goesOn'] as const;
export type TaskFault = (typeof TASK_FAULTS)[number];

/** Faults of the invoice API that end once they are switched off; one that works on a package for ever never does. */
export const API_FAULTS = [
  'timeoutAfterCommit',
  'serverError',
  'unavailable',
  'conflict',
  'throttleBurst',
  'connectionReset',
  'slowBody',
  'malformedJson',
  'unprocessed',
  'lostStatus',
  'duplicateIds',
  'lateRejection',
  'duplicateRejection',
  'invalid',
] as const satisfies (keyof FaultRates)[];
export type ApiFault = (typeof API_FAULTS)[number];

/**
 * What is done to the run, to functions and to the invoice API as a whole. `apiDown`: nothing is answered for minutes
 * or hours. `quotaCut`: the API allows a tenth of what it promised. `clocksDiffer`: each copy of a function has a clock
 * of its own, wrong by up to a second.
 */
export const OPERATION_FAULTS = [
  'functionsKilled',
  'executionStopped',
  'twoRuns',
  'apiDown',
  'quotaCut',
  'clocksDiffer',
] as const;
export type OperationFault = (typeof OPERATION_FAULTS)[number];

/** All that goes wrong in one rehearsal: the share of requests, Tasks or moments that each kind meets, from 0 to 1. */
export interface FaultPlan {
  requests: Partial<Record<RequestFault, number>>;
  tasks: Partial<Record<TaskFault, number>>;
  api: Partial<Record<ApiFault, number>>;
  operations: Partial<Record<OperationFault, number>>;
}

/** The largest share of each group at intensity 1. */
const LARGEST = { requests: 0.06, tasks: 0.15, api: 0.25, operations: 0.5 };
/** Each kind is in so many of 1,000 plans: a failure that needs few kinds is met with few. */
const CHOSEN_PER_MILLE = 450;

/** The faults of a seed. @param intensity 1 is the usual; 0 leaves nothing to go wrong */
export function faultPlanOf(seed: number, intensity: number): FaultPlan {
  const random = new Random(seed);
  const shares = <Kind extends string>(kinds: readonly Kind[], largest: number): Partial<Record<Kind, number>> => {
    const chosen: Partial<Record<Kind, number>> = {};
    for (const kind of kinds) {
      const share = (random.integer(1, 1_000) / 1_000) * largest * intensity;
      if (random.happens(CHOSEN_PER_MILLE) && share > 0) chosen[kind] = Math.min(1, share);
    }
    return chosen;
  };
  return {
    requests: shares(REQUEST_FAULTS, LARGEST.requests),
    tasks: shares(TASK_FAULTS, LARGEST.tasks),
    api: shares(API_FAULTS, LARGEST.api),
    operations: shares(OPERATION_FAULTS, LARGEST.operations),
  };
}

/** The kinds of a plan, as `group.kind`. */
export function kindsOf(plan: FaultPlan): string[] {
  return Object.entries(plan).flatMap(([group, shares]) => Object.keys(shares).map((kind) => `${group}.${kind}`));
}

/** The plan without one of its kinds. */
export function without(plan: FaultPlan, kind: string): FaultPlan {
  const [group = '', name = ''] = kind.split('.');
  const groups = Object.entries(plan).map(([each, shares]) => [
    each,
    Object.fromEntries(Object.entries(shares).filter(([key]) => each !== group || key !== name)),
  ]);
  // The same groups with fewer kinds.
  return Object.fromEntries(groups) as unknown as FaultPlan;
}

/** One of the kinds by its share, or none: at most one thing goes wrong at a time. */
export function drawFault<Kind extends string>(
  shares: Partial<Record<Kind, number>>,
  random: Random,
): Kind | undefined {
  let drawn = random.integer(0, 999_999) / 1_000_000;
  // The shares' own keys.
  for (const [kind, share] of Object.entries(shares) as [Kind, number][]) {
    if (drawn < share) return kind;
    drawn -= share;
  }
  return undefined;
}
