import { describe, expect, test } from '@jest/globals';
import { type HeldPackage, type ReconciledHead, reconcile } from '../../../cli/packages/reconcile.ts';

const HASH = 'a'.repeat(64);

function ours(change: Partial<ReconciledHead> = {}): ReconciledHead {
  return {
    packageId: '2026-11-H1.acme',
    state: 'processed',
    revision: 1,
    contentHash: HASH,
    lastProcessedRevision: 1,
    everSent: true,
    ...change,
  };
}

function theirs(change: Partial<HeldPackage> = {}): HeldPackage {
  return {
    id: '2026-11-H1.acme',
    status: 'processed',
    revision: 1,
    contentHash: HASH,
    processedRevision: 1,
    ...change,
  };
}

const kinds = (heads: ReconciledHead[], held: HeldPackage[]) => reconcile(heads, held).map(({ kind }) => kind);

describe('our books and those of the API', () => {
  test('agree', () => {
    expect(kinds([ours()], [theirs()])).toEqual([]);
  });

  test('agree while a package is on its way, listed or not', () => {
    const sending = ours({ state: 'sending', lastProcessedRevision: 0 });

    expect(kinds([sending], [])).toEqual([]);
    expect(kinds([sending], [theirs()])).toEqual([]);
    expect(kinds([ours({ state: 'ready', lastProcessedRevision: 0, everSent: false })], [])).toEqual([]);
  });

  test('agree on a rejected correction after a processed revision', () => {
    const head = ours({ state: 'rejected', revision: 2 });

    expect(kinds([head], [theirs({ status: 'rejected', revision: 2 })])).toEqual([]);
  });

  test.each([
    ['a processed package that the API does not list', [ours()], [], 'missing-at-api'],
    [
      'a submitted package that the API does not list',
      [ours({ state: 'submitted', lastProcessedRevision: 0 })],
      [],
      'missing-at-api',
    ],
    ['a package that we do not know', [], [theirs()], 'unknown-to-us'],
    ['a package that is listed twice', [ours()], [theirs(), theirs()], 'listed-twice'],
    [
      'a package that only we think processed',
      [ours()],
      [theirs({ status: 'queued', processedRevision: 0 })],
      'processed-only-here',
    ],
    [
      'a package that only the API thinks processed',
      [ours({ state: 'parked', lastProcessedRevision: 0 })],
      [theirs()],
      'processed-only-there',
    ],
    ['an older revision', [ours({ revision: 2, lastProcessedRevision: 2 })], [theirs()], 'other-revision'],
    ['a newer revision', [ours()], [theirs({ revision: 2, processedRevision: 2 })], 'other-revision'],
    ['another content', [ours()], [theirs({ contentHash: 'b'.repeat(64) })], 'other-content'],
    ['an API that says less', [ours()], [{ id: '2026-11-H1.acme', status: 'rejected' }], 'processed-only-here'],
  ] as const)('differ by %s', (_, heads, held, kind) => {
    expect(kinds([...heads], [...held])).toEqual([kind]);
  });
});
