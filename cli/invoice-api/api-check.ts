import { setTimeout as delay } from 'node:timers/promises';
import type { AdaptedInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type {
  InvoiceApi,
  PackageReport,
  RequestOptions,
  SubmitOutcome,
  SubmitRequest,
} from '../../lib/invoice-api/invoice-api.ts';
import { byPackage } from '../packages/by-package.ts';

/** One thing that billing relies on, and whether the API does it. */
export interface CheckedPoint {
  point: string;
  result: 'holds' | 'fails' | 'not-tried';
  /** What was seen, and the setting that follows where one does. */
  words: string;
}

/** What an API is checked with. */
export interface ApiUnderCheck {
  api: InvoiceApi;
  /** Breaks a request off as soon as it has left. */
  breakOff<Outcome>(ask: (options: RequestOptions) => Promise<Outcome>): Promise<Outcome>;
  /** Two small packages that nothing else is about, each with other content under the same key. */
  packages: readonly [CheckedPackage, CheckedPackage];
  periodId: string;
  /** Lets one request go when the quota has room. */
  paced<Outcome>(ask: () => Promise<Outcome>): Promise<Outcome>;
  /** Ask the API about what settings name; none for an API of the contract. */
  settingChecks: AdaptedInvoiceApi['settingChecks'];
  /** Whether the API can be asked what it holds of a period. */
  lists: boolean;
}

/** A small package, and the same key with another quantity. */
export interface CheckedPackage {
  id: string;
  request: SubmitRequest;
  otherContent: SubmitRequest;
}

const REQUESTS_AT_MOST = 20;
const PAUSE_MILLISECONDS = 1_000;
const LONGEST_PAUSE_MILLISECONDS = 60_000;
const STATUS_READS = 60;
const PAGES = 200;
/** With pauses that grow by a second, 90 s in all. */
const LISTINGS = 13;

/**
 * Tries what billing relies on against the API itself, point by point: what is sent again, what is broken off, and what
 * the API says afterwards. It leaves two small packages behind there.
 */
export async function* checkApi(subject: ApiUnderCheck): AsyncGenerator<CheckedPoint> {
  const { api, packages } = subject;
  const [first, second] = packages;
  const obstacle = await api.obstacle?.(first.request);
  if (obstacle !== undefined) {
    yield { point: 'what it takes is mapped', result: 'fails', words: obstacle };
    return;
  }
  if (subject.settingChecks.length > 0) {
    const settings = await pointOfSettings(subject);
    yield settings;
    if (settings.result === 'fails') return;
  }
  const taken = await submitted(subject, first.request);
  const takes = taken.kind === 'accepted';
  yield { point: 'it takes a package', result: takes ? 'holds' : 'fails', words: wordsOf(taken) };
  if (!takes) return;
  yield pointOfRepetition(await submitted(subject, { ...first.request, firstSentAt: Date.now() }));
  yield pointOfOtherContent(subject, await submitted(subject, { ...first.otherContent, firstSentAt: Date.now() }));
  yield await pointOfBreakingOff(subject, second);
  if (api.facts.looksUp !== true) yield await pointOfStatus(subject, first.id);
  yield await pointOfListing(subject);
}

async function pointOfSettings({ settingChecks, paced }: ApiUnderCheck): Promise<CheckedPoint> {
  const point = 'what the settings name is there';
  const faults: string[] = [];
  for (const { setting, ask } of settingChecks) {
    const outcome = await paced(ask);
    if (outcome.kind !== 'asked') return { point, result: 'not-tried', words: `${outcome.kind}: ${outcome.reason}` };
    if (outcome.fault !== undefined) faults.push(`${setting}: ${outcome.fault}`);
  }
  if (faults.length > 0) return { point, result: 'fails', words: faults.join('; ') };
  return { point, result: 'holds', words: `${settingChecks.length} meters, each as the settings have it` };
}

function pointOfRepetition(again: SubmitOutcome): CheckedPoint {
  const point = 'the same package again changes nothing';
  if (again.kind !== 'accepted') return { point, result: 'fails', words: wordsOf(again) };
  return {
    point,
    result: 'holds',
    words: again.replayed ? 'it said that it had it' : 'it took it as if it were new; see what it lists',
  };
}

function pointOfOtherContent({ api }: ApiUnderCheck, outcome: SubmitOutcome): CheckedPoint {
  const point = 'a key means its first content for ever';
  if (outcome.kind === 'key-reused')
    return { point, result: 'holds', words: 'other content under the key was refused' };
  if (outcome.kind === 'accepted' && api.facts.looksUp) {
    return outcome.replayed
      ? { point, result: 'holds', words: 'the first content stands' }
      : { point, result: 'not-tried', words: 'it did not refuse other content; see that it holds the first alone' };
  }
  const words = `${wordsOf(outcome)}: two answers that cross could bill the wrong one, so mend it before you go live`;
  return { point, result: 'fails', words };
}

async function pointOfBreakingOff(subject: ApiUnderCheck, { request }: CheckedPackage): Promise<CheckedPoint> {
  const point = 'a request that is broken off is sent again without harm';
  const firstSentAt = Date.now();
  const broken = await subject.paced(() => subject.breakOff((options) => subject.api.submit(request, options)));
  const after = await submitted(subject, { ...request, firstSentAt });
  if (after.kind !== 'accepted') return { point, result: 'fails', words: wordsOf(after) };
  if (broken.kind !== 'unknown') {
    return { point, result: 'not-tried', words: 'it answered before the request could be broken off' };
  }
  return {
    point,
    result: 'holds',
    words: after.replayed ? 'it had arrived, and was known' : 'the second one was taken',
  };
}

async function pointOfStatus(subject: ApiUnderCheck, id: string): Promise<CheckedPoint> {
  const point = 'it says what became of a package';
  const began = Date.now();
  let said = 'nothing about it';
  for (let read = 0; read < STATUS_READS; read++) {
    const outcome = await subject.paced(() => subject.api.statusOf([id]));
    const report = outcome.kind === 'listed' ? outcome.packages.find((each) => each.id === id) : undefined;
    said = report?.status ?? (outcome.kind === 'listed' ? said : `${outcome.kind}: ${outcome.reason}`);
    if (report && report.status !== 'queued' && report.status !== 'processing') {
      const seconds = Math.max(1, Math.round((Date.now() - began) / 1_000));
      const names = report.revision === undefined ? '; it does not say of which revision, and should' : '';
      const words = `${report.status} after ${seconds} s (invoiceApi.pollStartSeconds: ${seconds})${names}`;
      return { point, result: report.status === 'processed' ? 'holds' : 'fails', words };
    }
    await delay(PAUSE_MILLISECONDS);
  }
  return { point, result: 'fails', words: `${said} after ${STATUS_READS} reads: raise processingDeadlineSeconds` };
}

async function pointOfListing(subject: ApiUnderCheck): Promise<CheckedPoint> {
  const point = 'it lists each package once';
  if (!subject.lists) {
    const words = 'this API cannot list by our names: reconcile cannot ask it, verify certificates with --without-api';
    return { point, result: 'not-tried', words };
  }
  for (let listing = 1; ; listing++) {
    const listed = await wholeListing(subject);
    if (!Array.isArray(listed)) return { point, ...listed };
    const packages = byPackage(listed);
    const counts = subject.packages.map(({ id }) => packages.filter((each) => each.id === id).length);
    const words = `of the two packages it lists ${counts.join(' and ')}`;
    if (counts.every((count) => count === 1)) return { point, result: 'holds', words };
    // A listing may be a minute behind; what is there twice is there twice.
    if (listing === LISTINGS || counts.some((count) => count > 1)) return { point, result: 'fails', words };
    await delay(PAUSE_MILLISECONDS * listing);
  }
}

/** All that the API lists of the period, or why that cannot be told. */
async function wholeListing(subject: ApiUnderCheck): Promise<PackageReport[] | Omit<CheckedPoint, 'point'>> {
  const listed: PackageReport[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < PAGES; page++) {
    const from = cursor;
    const outcome = await subject.paced(() => subject.api.listPeriod(subject.periodId, from));
    if (outcome.kind !== 'listed') return { result: 'fails', words: `${outcome.kind}: ${outcome.reason}` };
    listed.push(...outcome.packages);
    cursor = outcome.nextCursor;
    if (cursor === undefined) return listed;
  }
  return { result: 'not-tried', words: `the listing has more than ${PAGES} pages: try it where little is billed` };
}

/** A submission driven to its end as a sender does it: what is known is handed on, and what is unknown asked again. */
async function submitted(subject: ApiUnderCheck, request: SubmitRequest): Promise<SubmitOutcome> {
  let asked = request;
  for (let requests = 1; ; requests++) {
    const outcome = await subject.paced(() => subject.api.submit(asked));
    if (outcome.kind === 'stepped') asked = { ...asked, progress: outcome.progress };
    else if (!['throttled', 'in-flight', 'unknown'].includes(outcome.kind) || requests >= REQUESTS_AT_MOST)
      return outcome;
    else {
      const pause = 'retryAfterMilliseconds' in outcome ? outcome.retryAfterMilliseconds : undefined;
      await delay(Math.min(pause ?? PAUSE_MILLISECONDS, LONGEST_PAUSE_MILLISECONDS));
    }
    asked = { ...asked, firstSentAt: asked.firstSentAt ?? Date.now() };
  }
}

function wordsOf(outcome: SubmitOutcome): string {
  if (outcome.kind === 'accepted') return `accepted as ${outcome.status}`;
  return 'reason' in outcome ? `${outcome.kind}: ${outcome.reason}` : outcome.kind;
}
