import { HalfmonthError } from '../errors/halfmonth-error.ts';
import type { PackageAttempt, PackageHead, PackageState } from './package.ts';

/** A package's place on its way; `absent` while there is none. */
export type PackagePlace = PackageState | 'absent';

/** One kind of change: who makes it, from which places to which, and what has to be true of the package besides. */
interface TransitionRule {
  by: 'run' | 'sender' | 'checker' | 'person';
  from: readonly PackagePlace[];
  to: readonly PackagePlace[];
  /** Without it, nothing more has to be true. */
  when?: (head: PackageHead) => boolean;
}

/** Only what the API cannot have seen may change its bytes or go. */
const isUnseen = ({ everSent }: PackageHead): boolean => !everSent;

/** Every legal change of a package. Whatever is not here is refused before it is written. */
export const TRANSITIONS = {
  /** The first revision. */
  create: { by: 'run', from: ['absent'], to: ['ready', 'held'] },
  /** The next revision, since this one was processed or rejected with other content. */
  revise: { by: 'run', from: ['processed', 'rejected'], to: ['ready', 'held'] },
  /** The same revision with new content. */
  replace: { by: 'run', from: ['held', 'ready', 'parked'], to: ['ready', 'held'], when: isUnseen },
  /** A correction is taken back, since what was last processed is right again. */
  withdraw: { by: 'run', from: ['held', 'ready', 'parked'], to: ['processed'], when: isUnseen },
  /** Nothing is left to bill, and nothing ever was. */
  discard: { by: 'run', from: ['held', 'ready', 'parked'], to: ['absent'], when: isUnseen },
  /** A sender has it to itself until the lease ends; from then on any sender may take it. */
  lease: { by: 'sender', from: ['ready', 'sending'], to: ['sending'] },
  /** The lease grows, or one request of several is done. */
  hold: { by: 'sender', from: ['sending'], to: ['sending'] },
  /** Its request never left: as if it had not been taken. */
  putBack: { by: 'sender', from: ['sending'], to: ['ready', 'sending'] },
  /** What the API answered, or that it did not. */
  answer: { by: 'sender', from: ['sending'], to: ['submitted', 'processed', 'rejected', 'ready', 'parked'] },
  /** Its key may be forgotten, so the API is asked what it holds before anything more is sent. */
  ask: { by: 'sender', from: ['ready', 'sending'], to: ['submitted'] },
  /** Something is missing on our side, as the run that makes the package finds, or its sender; a person can mend it. */
  obstruct: { by: 'sender', from: ['ready', 'sending'], to: ['parked'] },
  /** Its sender crashed once too often. */
  abandon: { by: 'sender', from: ['sending'], to: ['parked'] },
  /** What a status read says. */
  report: { by: 'checker', from: ['submitted'], to: ['submitted', 'processed', 'rejected', 'ready', 'parked'] },
  /** A person who may lets it be sent. */
  approve: { by: 'person', from: ['held'], to: ['ready'], when: isUnseen },
  /** A person who may wants it not to be billed as it is. */
  refuse: { by: 'person', from: ['held'], to: ['rejected'], when: isUnseen },
  /** A refusal is taken back: it waits for approval again. */
  recall: { by: 'person', from: ['rejected'], to: ['held'], when: isUnseen },
  /** A person wants it tried again. */
  release: { by: 'person', from: ['parked', 'rejected'], to: ['ready'] },
  /** A person wants it not to be billed. */
  giveUp: { by: 'person', from: ['parked', 'ready'], to: ['rejected'] },
} as const satisfies Record<string, TransitionRule>;

/** The name of a kind of change. */
export type TransitionName = keyof typeof TRANSITIONS;

/** What a transition changes. An optional field that is given as undefined is removed. */
export type HeadChange = {
  [Field in keyof Omit<PackageHead, 'version' | 'attempts' | 'packageId'>]?: PackageHead[Field] | undefined;
};

/** A change of a head, and the attempt that its history gets. */
export interface Transition {
  name: TransitionName;
  change: HeadChange;
  attempt?: PackageAttempt;
}

/** A change that no package may go through; nothing is written. A fault of the program, not of its input. */
export class IllegalTransition extends HalfmonthError {
  readonly code = 'ILLEGAL_TRANSITION';
  readonly packageId: string;
  readonly transition: TransitionName;
  readonly from: PackagePlace;
  readonly to: PackagePlace;

  constructor(packageId: string, transition: TransitionName, from: PackagePlace, to: PackagePlace) {
    super(`${transition} may not take package ${packageId} from ${from} to ${to} as it stands. Nothing was written.`);
    this.packageId = packageId;
    this.transition = transition;
    this.from = from;
    this.to = to;
  }
}

/** Whether a package may go through a change; `head` is absent while there is no package. */
export function isLegal(name: TransitionName, head: PackageHead | undefined, to: PackagePlace): boolean {
  const rule: TransitionRule = TRANSITIONS[name];
  if (!rule.from.includes(head?.state ?? 'absent') || !rule.to.includes(to)) return false;
  return head === undefined || rule.when === undefined || rule.when(head);
}

/** @throws IllegalTransition */
export function assertLegal(
  name: TransitionName,
  head: PackageHead | undefined,
  to: PackagePlace,
  packageId: string,
): void {
  if (!isLegal(name, head, to)) throw new IllegalTransition(packageId, name, head?.state ?? 'absent', to);
}

/** The head after a change, with the attempt in its history. @throws IllegalTransition */
export function changedHead(head: PackageHead, { name, change, attempt }: Transition): PackageHead {
  assertLegal(name, head, change.state ?? head.state, head.packageId);
  const attempts = attempt ? keptOf([...head.attempts, attempt]) : head.attempts;
  const entries = Object.entries({ ...head, ...change, attempts, version: head.version + 1 });
  // Only fields of PackageHead went in; taking out undefined ones removes optional fields alone.
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as unknown as PackageHead;
}

/**
 * A head keeps this many exchanges with the API, the latest: each rewrite costs write units by the item's size. What
 * people decided is kept whole: there is little of it, and it is to be accounted for.
 */
export const ATTEMPTS_KEPT = 10;

/** All decisions of people, and the latest exchanges, in their order. */
function keptOf(attempts: readonly PackageAttempt[]): PackageAttempt[] {
  const isExchange = ({ action }: PackageAttempt) => action === 'send' || action === 'check';
  let dropped = attempts.filter(isExchange).length - ATTEMPTS_KEPT;
  return attempts.filter((attempt) => !isExchange(attempt) || dropped-- <= 0);
}
