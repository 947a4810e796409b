import { MeterSums } from '../decimal/meter-sums.ts';
import { quantitiesOfDays } from '../meters/measure.ts';
import { contentHashOf, contentOf, linesOf, type PackageContent, type PackageDocument } from '../packages/document.ts';
import { linesByPart, type PackageLine } from '../packages/lines.ts';
import { idempotencyKeyOf, type PackageHead, packageIdOf } from '../packages/package.ts';
import type { Day } from '../periods/days.ts';
import type { Period } from '../periods/periods.ts';
import type { MeterTotals } from '../usage/records.ts';
import { addUpRevisions, checkedDocument, type Fault, type KeptRevision, totalsOfLines } from './kept-document.ts';

/** A daily record as it is kept. */
export interface KeptDay {
  day: Day;
  totals: MeterTotals;
  events: number;
}

/** All that is kept of one client in one period. */
export interface ClientBooks {
  clientId: string;
  days: readonly KeptDay[];
  heads: readonly PackageHead[];
  /** Every revision of every part. */
  revisions: readonly KeptRevision[];
}

/** What a package stands for in the account. `outstanding`: something remains to be done with it. */
export type AccountedState = 'processed' | 'rejected' | 'parked' | 'outstanding';

/** One package in the account. */
export interface PackageAccount {
  packageId: string;
  state: AccountedState;
  isCorrection: boolean;
  /** The idempotency key under which the API processed the last revision that it did process. */
  acknowledgement?: string;
  /** Totals of the revision that was last processed. */
  lastProcessed: MeterTotals;
  /** The same, as the first processed revision and the differences of those after it add up. */
  revisionsAddedUp: MeterTotals;
  /** What the current revision would add to that, where it is not processed itself and still stands for the usage. */
  unprocessed: MeterTotals;
  /** The current revision is not what the daily records say, since it was in flight when the next one was due. */
  isOpen: boolean;
}

/** One client's part of the account of a run. */
export interface ClientAccount {
  days: MeterTotals;
  dayCount: number;
  events: number;
  packages: PackageAccount[];
  /** What the daily records hold beyond the packages, where one of them is open. */
  open: MeterTotals;
  faults: Fault[];
}

/** What is the same for all clients of an account. */
export interface AccountFrame {
  period: Period;
  timeZone: string;
}

/**
 * Adds up one client's books from the records themselves and checks each against the others: daily records against
 * packages, heads against documents, documents against their hashes.
 */
export function accountOfClient(books: ClientBooks, frame: AccountFrame): ClientAccount {
  const { clientId } = books;
  const faults: Fault[] = [];
  const heads = [...books.heads].sort((one, other) => one.part - other.part);
  const usage = [...books.days].sort((one, other) => (one.day < other.day ? -1 : 1));
  const lines = linesOf(usage);
  const dueOf = dueContents(clientId, lines, frame);
  const revisions = Map.groupBy(books.revisions, ({ part }) => part);
  const packages = heads.map((head) => accountOfPackage(head, dueOf(head), revisions.get(head.part) ?? [], faults));
  if (lines.length > 0) findLostPackages(clientId, heads, frame.period, faults);
  const sums = usageOf(usage);
  const open = packages.some(({ isOpen }) => isOpen) ? beyondPackages(sums.days, packages) : {};
  return { ...sums, packages, open, faults };
}

/**
 * The account of a client whose packages are all processed in their first revision with the very content that the daily
 * records make: the hash proves what the documents say, and none has to be read.
 * @returns nothing for any other client; `accountOfClient` with all its revisions answers for it
 */
export function accountOfProvedClient(
  books: Omit<ClientBooks, 'revisions'>,
  frame: AccountFrame,
): ClientAccount | undefined {
  const { clientId, heads } = books;
  const usage = [...books.days].sort((one, other) => (one.day < other.day ? -1 : 1));
  const lines = linesOf(usage);
  if (heads.length !== (heads[0]?.parts ?? (lines.length === 0 ? 0 : 1))) return undefined;
  const dueOf = dueContents(clientId, lines, frame);
  const packages: PackageAccount[] = [];
  for (const head of heads) {
    const due = dueOf(head);
    if (head.state !== 'processed' || head.revision !== 1 || head.contentHash !== contentHashOf(due)) return undefined;
    const totals = totalsOfLines(due.lines);
    packages.push({
      packageId: head.packageId,
      state: 'processed',
      isCorrection: false,
      acknowledgement: idempotencyKeyOf(head.packageId, 1, head.submission),
      lastProcessed: totals,
      revisionsAddedUp: totals,
      unprocessed: {},
      isOpen: false,
    });
  }
  return { ...usageOf(usage), packages, open: {}, faults: [] };
}

/**
 * The content that a client's lines make of each of its packages; heads of an earlier cut may name another number of
 * parts.
 */
function dueContents(
  clientId: string,
  lines: readonly PackageLine[],
  { period, timeZone }: AccountFrame,
): (head: PackageHead) => PackageContent {
  const dealt = new Map<number, PackageLine[][]>();
  return ({ part, parts }) => {
    const byPart = dealt.get(parts) ?? linesByPart(lines, parts);
    dealt.set(parts, byPart);
    return contentOf(clientId, period, timeZone, byPart[part - 1] ?? [], { number: part, of: parts });
  };
}

function usageOf(days: readonly KeptDay[]): Pick<ClientAccount, 'days' | 'dayCount' | 'events'> {
  return {
    days: new MeterSums().addAll(quantitiesOfDays(days)).totals(),
    dayCount: days.length,
    events: days.reduce((sum, { events }) => sum + events, 0),
  };
}

/**
 * @param due the content that the daily records make today
 * @param revisions those of this package
 */
function accountOfPackage(
  head: PackageHead,
  due: PackageContent,
  revisions: readonly KeptRevision[],
  faults: Fault[],
): PackageAccount {
  const { packageId, clientId } = head;
  const documents = new Map<number, PackageDocument>();
  for (const kept of revisions) {
    documents.set(kept.revision, checkedDocument({ clientId, packageId }, kept, faults));
  }
  const current = documents.get(head.revision);
  if (!current) faults.push(missingDocument(head, head.revision));
  else if (current.contentHash !== head.contentHash) {
    const line = `content hash in the head of ${packageId}`;
    faults.push({ clientId, line, expected: current.contentHash, found: head.contentHash });
  }
  const acknowledged = acknowledgedOf(head);
  const processed = acknowledged && documents.get(acknowledged.revision);
  if (acknowledged && !processed && acknowledged.revision !== head.revision) {
    faults.push(missingDocument(head, acknowledged.revision));
  }
  const lastProcessed = totalsOfLines(processed?.lines ?? []);
  const standing = standingOf(head, due, processed);
  return {
    packageId,
    state: accountedState(head),
    isCorrection: head.revision > 1,
    ...(acknowledged
      ? { acknowledgement: idempotencyKeyOf(packageId, acknowledged.revision, acknowledged.submission) }
      : {}),
    lastProcessed,
    revisionsAddedUp: processed ? addUpRevisions(processed, documents) : {},
    unprocessed:
      standing === 'moot'
        ? {}
        : new MeterSums()
            .addAll(totalsOfLines(current?.lines ?? []))
            .subtractAll(lastProcessed)
            .totals(),
    isOpen: standing === 'open',
  };
}

/**
 * Whether the current revision stands for the usage. `moot`: it was rejected or parked, and what was processed before
 * it (or nothing, where nothing was) is right again, so nobody is owed what it would have changed.
 */
function standingOf(
  head: PackageHead,
  due: PackageContent,
  processed: PackageDocument | undefined,
): 'current' | 'moot' | 'open' {
  const dueHash = contentHashOf(due);
  if (head.contentHash === dueHash) return 'current';
  if (head.state === 'processed') return 'open';
  if (processed ? processed.contentHash === dueHash : due.lines.length === 0) return 'moot';
  return 'open';
}

/** A client with usage and without one of its packages: a package was lost. */
function findLostPackages(clientId: string, heads: readonly PackageHead[], period: Period, faults: Fault[]): void {
  const parts = Math.max(1, ...heads.map((head) => head.parts));
  const kept = new Set(heads.map((head) => head.part));
  for (let part = 1; part <= parts; part++) {
    if (kept.has(part)) continue;
    const line = `package ${packageIdOf(period.id, clientId, part)}`;
    faults.push({ clientId, line, expected: 'kept, since the client has usage', found: 'missing' });
  }
}

function beyondPackages(days: MeterTotals, packages: readonly PackageAccount[]): MeterTotals {
  const sums = new MeterSums().addAll(days);
  for (const { lastProcessed, unprocessed } of packages) sums.subtractAll(lastProcessed).subtractAll(unprocessed);
  return sums.totals();
}

function missingDocument({ clientId, packageId }: PackageHead, revision: number): Fault {
  return { clientId, line: `document of ${packageId} revision ${revision}`, expected: 'kept', found: 'missing' };
}

/** The revision and submission that the API processed last. */
function acknowledgedOf(head: PackageHead): { revision: number; submission: number } | undefined {
  if (head.state === 'processed') return { revision: head.revision, submission: head.submission };
  if (head.lastProcessedRevision === 0) return undefined;
  return { revision: head.lastProcessedRevision, submission: head.lastProcessedSubmission ?? 1 };
}

function accountedState({ state }: PackageHead): AccountedState {
  return state === 'processed' || state === 'rejected' || state === 'parked' ? state : 'outstanding';
}
