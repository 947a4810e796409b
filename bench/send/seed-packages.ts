import { contentOf, documentText, linesOf } from '../../lib/packages/document.ts';
import { type PackageHead, packageIdOf } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import type { PackageStore } from '../../lib/store/package-store.ts';

/** What each package bills of its one meter, `api_calls`. */
export const SEEDED_QUANTITY = '12.5';

/** Makes a package that is ready to be sent; `head` overrides what packaging would write. */
export async function seedPackage(
  packages: PackageStore,
  period: Period,
  clientId: string,
  head: Partial<PackageHead> = {},
): Promise<PackageHead> {
  const lines = linesOf([{ day: period.from, totals: { api_calls: SEEDED_QUANTITY }, events: 1 }]);
  const content = contentOf(clientId, period, 'UTC', lines, { number: 1, of: 1 });
  const text = documentText(content, 1, 1);
  const { contentHash } = JSON.parse(text) as { contentHash: string };
  const identity = { packageId: packageIdOf(period.id, clientId, 1), periodId: period.id, clientId, part: 1, parts: 1 };
  const made = {
    ...identity,
    state: 'ready',
    revision: 1,
    submission: 1,
    contentHash,
    lastProcessedRevision: 0,
    everSent: false,
    attemptCount: 0,
    attempts: [],
    version: 1,
    ...head,
    // A spread of optional fields is a PackageHead again; the compiler takes absent ones for undefined.
  } as PackageHead;
  const madeAt = new Date().toISOString();
  await packages.putRevision(made, { ...identity, revision: 1, contentHash, document: text, runId: 'seed', madeAt });
  return made;
}

/** Makes so many packages, of clients `client-0001` and so on. */
export async function seedPackages(packages: PackageStore, period: Period, count: number): Promise<string[]> {
  const clients = Array.from({ length: count }, (_, index) => `client-${String(index + 1).padStart(4, '0')}`);
  for (let start = 0; start < count; start += 25) {
    await Promise.all(clients.slice(start, start + 25).map((clientId) => seedPackage(packages, period, clientId)));
  }
  return clients;
}
