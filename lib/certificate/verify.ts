import type { KeyObject } from 'node:crypto';
import type { Account } from './account.ts';
import { balance, type Disagreement, sameCount, sameTotals } from './balance.ts';
import type { Certificate } from './certificate.ts';
import { verifySignature } from './public-key.ts';
import { type AcknowledgementList, digestOfLists, isSealed } from './seal.ts';

/** What the invoice API says about one package, as far as an account is concerned. */
export interface ApiAcknowledgement {
  packageId: string;
  /** The latest revision that it processed, 0 for none; absent when the API does not say. */
  processedRevision?: number;
}

/** What a certificate is held against, each part read anew. */
export interface Evidence {
  /** The certificate as it is stored, when another copy is verified. */
  stored?: Certificate | undefined;
  /** The certificate that `previous` names, as it is stored; nothing when it is gone. */
  previous?: Certificate | undefined;
  /** The books, read again client by client; absent when a later run has changed them. */
  account?: Account | undefined;
  /** The idempotency keys that the books say were processed. */
  processedKeys?: ReadonlySet<string> | undefined;
  /** The lists of acknowledgements that were kept with the certificate. */
  lists: readonly (AcknowledgementList & { keys: readonly string[] })[];
  /** The public half of the stage's key, where it has one. */
  publicKey?: KeyObject | undefined;
  /** All that the API holds for the period; absent when it was not asked. */
  api?: readonly ApiAcknowledgement[] | undefined;
}

/**
 * Holds a certificate against everything it speaks of.
 * @returns the first line that disagrees; nothing when all agree
 */
export function verifyCertificate(certificate: Certificate, evidence: Evidence): Disagreement | undefined {
  return (
    sealOf(certificate) ??
    signatureOf(certificate, evidence.publicKey) ??
    storedCopy(certificate, evidence.stored) ??
    chain(certificate, evidence.previous) ??
    balance(certificate) ??
    acknowledgements(certificate, evidence) ??
    books(certificate, evidence.account) ??
    api(certificate, evidence)
  );
}

function sealOf(certificate: Certificate): Disagreement | undefined {
  if (isSealed(certificate)) return undefined;
  return { line: 'hash of the certificate', expected: certificate.hash, found: 'another content' };
}

/** One that was made before there was a key has none. */
function signatureOf(certificate: Certificate, key: KeyObject | undefined): Disagreement | undefined {
  return key && certificate.signature ? verifySignature(certificate, key) : undefined;
}

function storedCopy(certificate: Certificate, stored: Certificate | undefined): Disagreement | undefined {
  if (!stored || stored.hash === certificate.hash) return undefined;
  return { line: 'hash of the stored certificate of this run', expected: certificate.hash, found: stored.hash };
}

function chain({ previous }: Certificate, found: Certificate | undefined): Disagreement | undefined {
  if (!previous) return undefined;
  const line = `certificate before this one (${previous.periodId}, run ${previous.runId})`;
  if (!found) return { line, expected: previous.hash, found: 'missing' };
  if (!isSealed(found)) return { line, expected: previous.hash, found: 'another content under its hash' };
  return found.hash === previous.hash ? undefined : { line, expected: previous.hash, found: found.hash };
}

function acknowledgements(certificate: Certificate, { lists, processedKeys }: Evidence): Disagreement | undefined {
  const { count, digest } = certificate.acknowledgements;
  const keys = lists.flatMap((list) => list.keys);
  const repeated = firstRepeated(keys.map(packageIdOfKey));
  if (repeated) return { line: `acknowledgements of ${repeated}`, expected: 'one', found: 'more' };
  const missing = processedKeys && keys.find((key) => !processedKeys.has(key));
  if (missing) return { line: `acknowledgement ${missing} in the books`, expected: 'processed', found: 'missing' };
  return (
    sameCount('acknowledgements kept', count, keys.length) ??
    (digestOfLists(lists) === digest
      ? undefined
      : { line: 'digest of the acknowledgements kept', expected: digest, found: digestOfLists(lists) })
  );
}

function books({ usage, packages, billed }: Certificate, account: Account | undefined): Disagreement | undefined {
  if (!account) return undefined;
  const [fault] = account.faults;
  if (fault) return { ...fault, line: `client ${fault.clientId}, ${fault.line}` };
  const { processed, rejected, parked, outstanding } = account.packages;
  return (
    sameCount('events in daily records', usage.days.events, account.events) ??
    sameTotals('daily records', usage.days.totals, account.days) ??
    sameTotals('last processed', billed.lastProcessed, account.lastProcessed) ??
    sameTotals('revisions and their differences added up', billed.revisions, account.revisions) ??
    sameTotals('rejected', billed.rejected, account.rejected) ??
    sameTotals('parked', billed.parked, account.parked) ??
    sameTotals('open', billed.open, account.open) ??
    sameCount('packages', packages.total, processed + rejected + parked + outstanding) ??
    sameCount('processed packages', packages.processed, processed) ??
    sameCount('rejected packages', packages.rejected, rejected) ??
    sameCount('parked packages', packages.parked, parked)
  );
}

function api(certificate: Certificate, { api: held, lists, account }: Evidence): Disagreement | undefined {
  if (!held) return undefined;
  const repeated = firstRepeated(held.map(({ packageId }) => packageId));
  if (repeated) return { line: `the invoice API's entries for ${repeated}`, expected: 'one', found: 'more' };
  const byPackage = new Map(held.map((entry) => [entry.packageId, entry]));
  for (const key of lists.flatMap((list) => list.keys)) {
    const packageId = packageIdOfKey(key);
    const revision = Number(/\.r(\d+)\.s\d+$/.exec(key)?.[1]);
    const entry = byPackage.get(packageId);
    const line = `revision of ${packageId} that the invoice API processed`;
    if (!entry) return { line, expected: String(revision), found: 'it holds no such package' };
    // A later run may have had a later revision processed.
    if (entry.processedRevision !== undefined && entry.processedRevision < revision) {
      return { line, expected: String(revision), found: String(entry.processedRevision) };
    }
    byPackage.delete(packageId);
  }
  // A run for some clients speaks of those alone, and a later run may have had packages of new clients processed.
  if (certificate.run.clients || !account) return undefined;
  const surplus = [...byPackage.values()].find(({ processedRevision = 0 }) => processedRevision > 0);
  if (!surplus) return undefined;
  const line = `revision of ${surplus.packageId} that the invoice API processed`;
  return { line, expected: 'none', found: String(surplus.processedRevision) };
}

function packageIdOfKey(key: string): string {
  return key.replace(/\.r\d+\.s\d+$/, '');
}

function firstRepeated(values: readonly string[]): string | undefined {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) return value;
    seen.add(value);
  }
  return undefined;
}
