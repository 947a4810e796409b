import type {
  Exchange,
  Invalid,
  PackageReport,
  StatusOutcome,
  Unknown,
  UnreadableReport,
} from '../invoice-api/invoice-api.ts';
import type { Pacer } from '../quota/pacer.ts';
import type { ApiHealth } from './api-health.ts';
import type { SendingWithApi } from './sending.ts';

/** What the pages of one answer say together. */
export interface StatusAnswer {
  packages: PackageReport[];
  unreadable: UnreadableReport[];
  /** Whether what it leaves out is not there. */
  isWhole: boolean;
  /** Whether there is a further page after more of them than there are packages. */
  isEndless?: true;
  exchange: Exchange;
}

/** A status read that told nothing of a package. */
export interface Unread {
  /** Why, for a person. */
  reason: string;
  exchange: Exchange;
  /** Whether it is about this package alone; of a read of several: whether it may be about one of them. */
  isOwn: boolean;
}

/** Asks the API for the status of some packages, in the turn of its pacer. */
export class StatusReader {
  readonly #sending: Pick<SendingWithApi, 'api' | 'metrics'>;
  readonly #pacer: Pacer;
  readonly #health: ApiHealth;
  /** Requests whose time has not come yet. */
  waiting = 0;
  /** Whether any read of this turn had a usable answer. */
  hasAnswered = false;
  /** 401 or 403, in the API's words. */
  credentialsRefused: string | undefined;

  constructor(sending: Pick<SendingWithApi, 'api' | 'metrics'>, pacer: Pacer, health: ApiHealth) {
    this.#sending = sending;
    this.#pacer = pacer;
    this.#health = health;
  }

  /** An answer in pages is read to its end, each page a request; undefined when it was not asked for in this turn. */
  async ask(packageIds: string[]): Promise<StatusAnswer | Unread | undefined> {
    let answer: StatusAnswer | undefined;
    let cursor: string | undefined;
    // An API that goes on for longer than there are packages would go on for ever.
    for (let pages = 0; pages <= packageIds.length; pages++) {
      const outcome = await this.#request(packageIds, cursor);
      if (outcome === undefined) return answer;
      if (outcome.kind === 'credentials-refused') this.credentialsRefused = outcome.reason;
      if (outcome.kind === 'throttled' || outcome.kind === 'credentials-refused') return answer;
      if (outcome.kind !== 'listed') return answer ?? unreadOf(outcome);
      this.hasAnswered = true;
      const { packages, unreadable = [], nextCursor, exchange } = outcome;
      answer = {
        exchange,
        packages: [...(answer?.packages ?? []), ...packages],
        unreadable: [...(answer?.unreadable ?? []), ...unreadable],
        isWhole: nextCursor === undefined,
      };
      if (nextCursor === undefined) return answer;
      if (nextCursor === cursor) break;
      cursor = nextCursor;
    }
    return answer && { ...answer, isEndless: true };
  }

  /** One request, when its time has come; undefined when its time does not come in this turn. */
  async #request(packageIds: string[], cursor: string | undefined): Promise<StatusOutcome | undefined> {
    this.waiting += 1;
    const departure = await this.#pacer.next();
    this.waiting -= 1;
    if (typeof departure === 'string') return undefined;
    let outcome: StatusOutcome;
    try {
      const page = cursor === undefined ? {} : { cursor };
      outcome = await this.#sending.api.statusOf(packageIds, { onLeft: departure.left, ...page });
    } finally {
      departure.answered();
    }
    // An API that refuses a question that the contract allows has given no answer that is of use.
    this.#health.heard({ ...outcome, kind: outcome.kind === 'invalid' ? 'unknown' : outcome.kind });
    this.#sending.metrics.milliseconds('InvoiceApiLatency', outcome.exchange.latencyMilliseconds);
    return outcome;
  }
}

function unreadOf(outcome: Invalid | Unknown): Unread {
  const { kind, reason, exchange } = outcome;
  return { reason, exchange, isOwn: kind === 'invalid' || OF_ONE.includes(outcome.cause) };
}

/** What an answer may come to because of one of the packages asked for. */
const OF_ONE: readonly Unknown['cause'][] = ['malformed-answer', 'unexpected-status', 'server-error'];
