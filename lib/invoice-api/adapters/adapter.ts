import type * as z from 'zod/mini';
import type { PackageDocument, PackageLine } from '../../packages/document.ts';
import type { SubmissionProgress } from '../../packages/package.ts';
import type { HeaderFields } from '../coming-back.ts';
import type { InvoiceApiFacts, PackageReport } from '../invoice-api.ts';

/** One request, as an adapter wants it made. */
export interface AdapterRequest {
  method: 'GET' | 'POST' | 'PUT';
  /** Below the base URL, with its query: `/v1/invoices?limit=100`. */
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: { contentType: string; text: string };
}

/** A whole answer. */
export interface AdapterAnswer {
  status: number;
  headers: HeaderFields;
  text: string;
  /** The body as JSON; undefined when it is none. */
  json: unknown;
}

/** What one answer to a request of a submission means. */
export type Verdict =
  /** The package is billed. */
  | { kind: 'done'; replayed?: boolean }
  /** This request did its part: what is known now, for the next. */
  | { kind: 'next'; progress: SubmissionProgress }
  /** The API says no, and will say so again. */
  | { kind: 'rejected'; reason: string }
  /** An earlier request with this key is still worked on. */
  | { kind: 'in-flight'; reason: string }
  /** The API holds something else under this key or number. */
  | { kind: 'key-reused'; reason: string }
  /**
   * What its HTTP status means everywhere: 429 and 503 throttle, 401 and 403 are credentials, 400 is invalid, the rest
   * is unknown.
   */
  | { kind: 'usual' };

/** One request of a submission, and what its answer means. */
export interface Step {
  request: AdapterRequest;
  verdict(answer: AdapterAnswer): Verdict;
}

/** One package to be billed. */
export interface Submission {
  document: PackageDocument;
  /**
   * What is to be billed now: of a first revision all, of a correction what changed since the revision processed last.
   */
  lines: readonly PackageLine[];
  /** One for each package, revision and submission. */
  idempotencyKey: string;
  /** The client's name at the API, from the mapping of clients. */
  customer: string;
  /** What the step before left; absent for the first. */
  progress: SubmissionProgress | undefined;
  /** When the key may have been used first, in milliseconds since the epoch; absent when it never was. */
  firstSentAt: number | undefined;
  /** Milliseconds since the epoch. */
  now: number;
}

/**
 * What an API holds for one revision of a package: each revision is a document of its own, and some need several.
 */
export interface DocumentReport extends PackageReport {
  /** Which of the documents of its revision it is, where there may be several: `credit-note`. */
  document?: string;
  /** How many documents its revision has, where that is written on each. */
  documents?: number;
  /** The revision that a correction changes: its documents have to be there too. */
  since?: number;
  /** The API's own name of it: what pages list twice, since others came in between, is one document. */
  name?: string;
}

/** One request of a listing, and what its answer says; undefined for an answer that says nothing. */
export interface Listing {
  request: AdapterRequest;
  reports(answer: AdapterAnswer): { packages: DocumentReport[]; nextCursor?: string } | undefined;
}

/** One request that asks whether what a setting names is there, and what its answer says. */
export interface SettingCheck {
  /** The path of the setting: `invoiceApi.settings.meters.api_calls`. */
  setting: string;
  request: AdapterRequest;
  /** What is wrong with it, in words for a person; undefined for an answer of 200 or 404 that says that all is well. */
  fault(answer: AdapterAnswer): string | undefined;
}

/** How an API wants to be signed in to. The secret itself is in Parameter Store alone. */
export type Authentication =
  | { kind: 'bearer' }
  /** The parameter holds `user:password`. */
  | { kind: 'basic' }
  /** OAuth 2 client credentials (RFC 6749, section 4.4); the parameter holds `clientId:clientSecret`. */
  | { kind: 'client-credentials'; tokenUrl: string; scope?: string };

/** What an adapter says of its API besides what paces it. */
export interface AdapterFacts extends InvoiceApiFacts {
  /** Decimal places that a quantity may have; one with more is not sent, since it would be rounded. */
  quantityDecimals: number;
}

/** An API's way of taking packages, made for one stage's settings. It makes no requests itself. */
export interface InvoiceApiAdapter {
  facts: AdapterFacts;
  authentication: Authentication;
  /** Sent with every request. */
  headers?: Readonly<Record<string, string>>;
  /** The meters that the settings map; a package with another one is not sent. */
  meters: ReadonlySet<string>;
  /** How a meter's quantity is told, where the settings have it rounded; absent where every digit is. */
  toldQuantity?(meter: string, quantity: string): string;
  /** What else keeps lines from being sent, in words for a person; undefined when nothing does. */
  obstacle?(lines: readonly PackageLine[]): string | undefined;
  /** What can be asked of the settings before anything is billed; absent where an API cannot say. */
  settingChecks?: readonly SettingCheck[];
  /** The next request of a submission. */
  step(submission: Submission): Step;
  /** One page of what the API holds of a period; absent where an API cannot say it by our names. */
  list?(periodId: string, cursor: string | undefined): Listing;
}

/** An adapter as it is chosen in a stage's settings: the default export of its module. */
export interface AdapterDefinition<Schema extends z.ZodMiniType = z.ZodMiniType> {
  /** In words for a person: `Stripe`. */
  name: string;
  /** Where the API is, unless the stage says otherwise. */
  baseUrl: string;
  /** Published limits by name, as windows of requests and seconds, for `quota:` in the settings. */
  quotas: Readonly<Record<string, string>>;
  settings: Schema;
  create(settings: z.output<Schema>): InvoiceApiAdapter;
}

/** Ties the schema of an adapter's settings to what it is made from. */
export function defineAdapter<Schema extends z.ZodMiniType>(definition: AdapterDefinition<Schema>): AdapterDefinition {
  // The settings are checked by this very schema before `create` gets them.
  return definition as unknown as AdapterDefinition;
}
