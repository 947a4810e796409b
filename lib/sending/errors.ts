import { HalfmonthError, type Remedy } from '../errors/halfmonth-error.ts';

const HOW_TO_GO_ON =
  'See why they failed. When the cause is mended, release them (rejected ones all at once, parked ones by their ids; with a new key ' +
  'where the API answers a key as before and has billed nothing under it), or raise the limit. Then redrive the execution.';

/** The invoice API answered 401 or 403: the run stops, and goes on by redrive once the token is right. */
export class InvoiceApiRefusedCredentials extends HalfmonthError {
  readonly code = 'INVOICE_API_REFUSED_CREDENTIALS';

  constructor(reason: string) {
    super(
      `The invoice API refused our credentials (${reason}). No package was marked as failed. Put a valid token into the ` +
        'parameter that the function reads, then redrive the execution.',
    );
  }
}

/** Nothing is there at the invoice API's address: the run stops, and goes on by redrive once the address is right. */
export class InvoiceApiNotThere extends HalfmonthError {
  readonly code = 'INVOICE_API_NOT_THERE';

  constructor(reason: string) {
    super(
      `The invoice API's address seems wrong: nothing was ever answered but ${reason}. No package was marked as failed. ` +
        'Deploy with the right address, then redrive the execution.',
    );
  }
}

/** Only packages that wait for a person are left. */
export class PackagesParked extends HalfmonthError {
  readonly code = 'PACKAGES_PARKED';
  readonly periodId: string;
  readonly parked: number;
  override readonly remedies: readonly Remedy[];

  constructor(periodId: string, parked: number) {
    super(
      `${parked} package${parked === 1 ? '' : 's'} of ${periodId} ${parked === 1 ? 'is' : 'are'} parked and nothing else ` +
        'is left to do. See which they are and why, release or give them up, then redrive the execution.',
    );
    this.periodId = periodId;
    this.parked = parked;
    this.remedies = [{ task: 'list-packages', periodId, states: ['parked'] }];
  }
}

/** Too many of the packages sent first failed; no other was sent. */
export class CanaryFailed extends HalfmonthError {
  readonly code = 'CANARY_FAILED';
  readonly failed: number;
  readonly size: number;
  override readonly remedies: readonly Remedy[];

  constructor(periodId: string, failed: number, size: number, limit: number) {
    super(
      `${failed} of the ${size} packages of ${periodId} that were sent first failed, more than the ` +
        `${percent(limit)} that sending.failureShareLimit allows. The others were not touched. ${HOW_TO_GO_ON}`,
    );
    this.failed = failed;
    this.size = size;
    this.remedies = remediesOfFailed(periodId);
  }
}

/** Too many packages failed. */
export class TooManyPackagesFailed extends HalfmonthError {
  readonly code = 'TOO_MANY_PACKAGES_FAILED';
  readonly failed: number;
  readonly finished: number;
  override readonly remedies: readonly Remedy[];

  constructor(periodId: string, failed: number, finished: number, limit: number) {
    super(
      `${failed} of ${finished} finished packages of ${periodId} were rejected or parked, more than the ` +
        `${percent(limit)} that sending.failureShareLimit allows. What was not sent yet was left alone. ${HOW_TO_GO_ON}`,
    );
    this.failed = failed;
    this.finished = finished;
    this.remedies = remediesOfFailed(periodId);
  }
}

/** The index of outstanding packages does not show yet what the table holds; trying again helps. */
export class OutstandingIndexBehind extends HalfmonthError {
  readonly code = 'OUTSTANDING_INDEX_BEHIND';

  constructor(periodId: string, seen: number, wanted: number) {
    super(
      `The canary of ${periodId} needs ${wanted} packages that wait to be sent, and the index shows ${seen} so far. Step ` +
        'Functions tries again; if it gave up, redrive the execution.',
    );
  }
}

/** The execution's history is nearly full. */
export class TooManyRounds extends HalfmonthError {
  readonly code = 'TOO_MANY_ROUNDS';

  constructor(periodId: string, rounds: number) {
    super(
      `${periodId} was assessed ${rounds} times, and the execution's history has no room for more. Start a new execution ` +
        'with the same input: it goes on where this one stopped.',
    );
  }
}

/** A task of the state machine was called with something else than the state machine gives it. */
export class InvalidTaskInput extends HalfmonthError {
  readonly code = 'INVALID_TASK_INPUT';
}

/** A redrive alone would find the same packages failed. */
function remediesOfFailed(periodId: string): Remedy[] {
  return [
    { task: 'list-packages', periodId, states: ['rejected', 'parked'] },
    { task: 'release-rejected', periodId },
  ];
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10}%`;
}
