import type { SubmissionProgress } from '../packages/package.ts';
import type { components } from './contract.ts';

/**
 * What the API says of a submission: `queued` and `processing` will change, the others are final for that submission.
 */
export type InvoiceApiStatus = components['schemas']['PackageStatus'];

/**
 * What the API holds for one package: the latest submission it knows. `revision` and `submission` say which one the
 * status is about; one that names none counts only where there has been no other submission.
 */
export type PackageReport = components['schemas']['PackageReport'];

/** A report that cannot be used, such as one with an unknown status. It says nothing about the others in its answer. */
export interface UnreadableReport {
  /** Absent when not even the package's id could be read. */
  id?: string;
  /** What is wrong with it, for a person. */
  reason: string;
}

/** The traces of one request, in the form in which a package's attempts record them. */
export interface Exchange {
  /** Absent when no answer came. */
  httpStatus?: number;
  /** From the first byte sent to the last byte read, or to the moment of giving up. */
  latencyMilliseconds: number;
  /** The API's own name for the exchange, from `X-Request-Id`. */
  requestId?: string;
}

/**
 * The API has no room now: 429, 503, or another refusal that says when to come back. The same request, byte for byte,
 * is welcome later.
 */
export interface Throttled {
  kind: 'throttled';
  exchange: Exchange;
  /** How long the API asks us to stay away, if it says so. */
  retryAfterMilliseconds: number | undefined;
  reason: string;
}

/**
 * 401 or 403 that does not ask to come back later: nothing was accepted, and nothing will be until a person or a
 * rotation mends the credentials.
 */
export interface CredentialsRefused {
  kind: 'credentials-refused';
  exchange: Exchange;
  reason: string;
}

/** 400 or 413 (414 and 431 too): this very request will never be valid. */
export interface Invalid {
  kind: 'invalid';
  exchange: Exchange;
  /** The problem's title, detail and single faults, for a person. */
  reason: string;
}

/**
 * Whether the request took effect cannot be told. `time-out` and `connection`: no answer; `server-error`: a 5xx other
 * than 503; `malformed-answer`: an answer against the contract, or about something else than what was asked;
 * `wrong-address`: 404, 405, 410 or a redirect, which is not followed, as a wrong base URL gives them;
 * `unexpected-status`: another status that the contract does not have.
 */
export interface Unknown {
  kind: 'unknown';
  exchange: Exchange;
  cause: 'time-out' | 'connection' | 'server-error' | 'malformed-answer' | 'wrong-address' | 'unexpected-status';
  /** How long the API asks us to stay away, if it says so. */
  retryAfterMilliseconds?: number | undefined;
  reason: string;
}

/**
 * One request of several was answered as it should be: what is known since then, and the next is to be asked for with
 * it.
 */
export interface Stepped {
  kind: 'stepped';
  exchange: Exchange;
  progress: SubmissionProgress;
}

/** What came of one request of a submission. */
export type SubmitOutcome =
  | Stepped
  | {
      kind: 'accepted';
      exchange: Exchange;
      /** The API's id of the package, which is the packageId. */
      id: string;
      status: InvoiceApiStatus;
      /** True when the API says that it had accepted this submission before. */
      replayed: boolean;
    }
  | {
      /** 409: an earlier request with this key is still being answered; send the same again. */
      kind: 'in-flight';
      exchange: Exchange;
      retryAfterMilliseconds: number | undefined;
      reason: string;
    }
  | {
      /** 422: the API holds another body under this key, or says so that it is invalid. A person must look. */
      kind: 'key-reused';
      exchange: Exchange;
      reason: string;
    }
  | Invalid
  | CredentialsRefused
  | Throttled
  | Unknown;

/** What the API said when asked for packages by id. A package that it does not hold is absent from `packages`. */
export type StatusOutcome =
  | {
      kind: 'listed';
      exchange: Exchange;
      packages: PackageReport[];
      /** These packages are there, but their outcome cannot be told. */
      unreadable?: UnreadableReport[];
      /** Present when the API answers in pages: the same ids with it are the next request. */
      nextCursor?: string;
    }
  | Invalid
  | CredentialsRefused
  | Throttled
  | Unknown;

/** One page of all that the API holds for a period. */
export type PeriodOutcome =
  | {
      kind: 'listed';
      exchange: Exchange;
      packages: PackageReport[];
      unreadable?: UnreadableReport[];
      nextCursor: string | undefined;
    }
  | Invalid
  | CredentialsRefused
  | Throttled
  | Unknown;

/** One submission: the key and the very bytes that go with it, for ever. */
export interface SubmitRequest {
  idempotencyKey: string;
  /** JSON. An API of the contract gets it as it is, encoded as UTF-8; an adapter translates it. */
  body: string;
  /** What the step before answered; absent for the first. */
  progress?: SubmissionProgress;
  /**
   * When a request under this key may have left first, in milliseconds since the epoch; absent when none did before.
   * APIs forget keys (see {@link InvoiceApiFacts.keyRetentionMilliseconds}).
   */
  firstSentAt?: number;
}

/** What a caller may ask of one request besides. */
export interface RequestOptions {
  /**
   * Called when the token is known and the request has been written to a connection that has carried an answer before.
   * Not called for a request that opened a connection, or never left: of those only the answer tells that they arrived.
   */
  onLeft?: () => void;
}

/** What an invoice API is like, for the code that paces and reads it. */
export interface InvoiceApiFacts {
  /** A submission takes so many requests at most; the quota is booked for them. */
  requestsPerSubmission: number;
  /** The most ids that one status read may name. */
  idsPerRead: number;
  /** Whether a report says which revision and submission its status is about. */
  namesSubmission: boolean;
  /** How long the API remembers an idempotency key, in milliseconds. */
  keyRetentionMilliseconds: number;
  /**
   * Whether `submit` itself finds out what an earlier request came to before it asks for anything again: then it may be
   * called as often as need be, whatever the API has forgotten, and `statusOf` is not asked first.
   */
  looksUp?: boolean;
}

/** What may be asked of a status read besides. */
export interface StatusReadOptions extends RequestOptions {
  /** The `nextCursor` of the answer before, for the same ids. */
  cursor?: string;
}

/**
 * The invoice API as the sender sees it. Each call is exactly one request, so that the code that booked quota for it
 * knows what it spends, and each ends in an outcome: the methods reject only when no request could be made at all (the
 * token provider failed, more than 100 ids).
 */
export interface InvoiceApi {
  readonly facts: InvoiceApiFacts;
  /**
   * What keeps a package from being sent at all, such as a client without a customer, in words for a person; undefined
   * when nothing does. Makes no request.
   */
  obstacle?(request: Pick<SubmitRequest, 'body'>): Promise<string | undefined>;
  /** One request of a submission. Answered `stepped`, the caller keeps the progress and calls again with it. */
  submit(request: SubmitRequest, options?: RequestOptions): Promise<SubmitOutcome>;
  /** @param packageIds at most `facts.idsPerRead`, see `statusBatches` */
  statusOf(packageIds: readonly string[], options?: StatusReadOptions): Promise<StatusOutcome>;
  /** @param cursor the page before's `nextCursor`; undefined for the first page */
  listPeriod(periodId: string, cursor?: string): Promise<PeriodOutcome>;
}

/** The most ids that one status read may name. */
export const IDS_PER_STATUS_READ = 100;

/**
 * Octets of the `ids` value at most: every server takes a request line of 8,000 (RFC 9112, section 3), and the rest of
 * it is the path and the base URL.
 */
const IDS_OCTETS = 7_000;

/** The value of `ids`, percent-encoded; the comma separates and is in no package id. */
export function encodedIds(packageIds: readonly string[]): string {
  return packageIds.map(encodeURIComponent).join(',');
}

/** Cuts package ids, in order, into batches that one status read each can name. */
export function statusBatches(packageIds: readonly string[]): string[][] {
  const batches: string[][] = [];
  let octets = 0;
  for (const id of packageIds) {
    const length = encodeURIComponent(id).length + 1;
    const batch = batches.at(-1);
    if (batch === undefined || batch.length === IDS_PER_STATUS_READ || octets + length > IDS_OCTETS) {
      batches.push([id]);
      octets = length;
    } else {
      batch.push(id);
      octets += length;
    }
  }
  return batches;
}
