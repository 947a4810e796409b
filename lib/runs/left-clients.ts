import { HalfmonthError } from '../errors/halfmonth-error.ts';

/** A client of which a run could not do what it had to, and why. */
export interface LeftClient {
  clientId: string;
  reason: string;
}

/** Clients that a run has left as they were; the first of them by name. */
export interface LeftClientsFound {
  count: number;
  named: LeftClient[];
}

const CLIENTS_NAMED = 20;

/** Everything else of the run is done; these clients are as they were before, and the period has no certificate. */
export class ClientsLeft extends HalfmonthError {
  readonly code = 'CLIENTS_LEFT';
  readonly left: LeftClientsFound;

  constructor(periodId: string, left: LeftClientsFound) {
    const named = left.named.map(({ clientId, reason }) => `${clientId} (${reason})`).join('; ');
    const more = left.count > left.named.length ? `; and ${left.count - left.named.length} more` : '';
    super(
      `${left.count} clients of ${periodId} were left as they were, so the period was not certified; all others are packaged and ` +
        `sent. Left: ${named}${more}. Mend what is said of each, then start a new run of the period.`,
    );
    this.left = left;
  }
}

/** Collects clients that are left. */
export class LeftClients {
  #count = 0;
  readonly #named = new Map<string, string>();

  get found(): LeftClientsFound {
    return { count: this.#count, named: [...this.#named].map(([clientId, reason]) => ({ clientId, reason })) };
  }

  add(clientId: string, error: Error): void {
    this.addAll({ count: 1, named: [{ clientId, reason: `${error.name}: ${error.message}` }] });
  }

  /** Clients that are named by several steps count as often as they were found there. */
  addAll({ count, named }: LeftClientsFound): void {
    this.#count += count;
    for (const { clientId, reason } of named) {
      if (this.#named.size < CLIENTS_NAMED) this.#named.set(clientId, reason);
    }
  }
}

/** What passes when the step is run again, or concerns every client: never one client's own. */
const PASSING = new Set([
  'PACKAGE_CONTENDED',
  'DAILY_RECORD_OUTRUN',
  'READ_THROTTLED',
  'PERIOD_LOCKED',
  'UNKNOWN_VERSION',
]);

/**
 * Whether a failure comes from what is kept of one client, so that trying again is of no use and other clients are not
 * concerned. A failure of another kind is not taken for one.
 */
export function isClientsOwn(error: unknown): error is Error {
  if (error instanceof HalfmonthError) return !PASSING.has(error.code);
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true;
  // DynamoDB refuses the item itself.
  return error instanceof Error && error.name === 'ValidationException';
}
