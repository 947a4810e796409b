import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { decide } from '../../../lib/packages/decision.ts';
import { givenUp, released } from '../../../lib/packages/head-changes.ts';
import { PACKAGE_STATES, type PackageHead } from '../../../lib/packages/package.ts';
import {
  changedHead,
  IllegalTransition,
  isLegal,
  type PackagePlace,
  TRANSITIONS,
  type TransitionName,
} from '../../../lib/packages/transitions.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';
import { packageHead } from '../../fixtures/package-heads.ts';

const PLACES: PackagePlace[] = ['absent', ...PACKAGE_STATES];
// Object.keys knows names as text only.
const NAMES = Object.keys(TRANSITIONS) as TransitionName[];

function headIn(place: PackagePlace, overrides: Partial<PackageHead> = {}): PackageHead | undefined {
  if (place === 'absent') return undefined;
  return packageHead({ state: place, contentHash: 'c0ffee', everSent: false, attemptCount: 0, ...overrides });
}

/** The changes that lead from one place to another. */
const namesFor = (from: PackagePlace, to: PackagePlace, overrides: Partial<PackageHead> = {}) =>
  NAMES.filter((name) => isLegal(name, headIn(from, overrides), to));

/** What every pair of places allows, written down a second time: a change of the rules has to be meant. */
const EXPECTED: Record<string, TransitionName[]> = {
  'absent held': ['create'],
  'absent ready': ['create'],
  'held absent': ['discard'],
  'held held': ['replace'],
  'held ready': ['replace', 'approve'],
  'held processed': ['withdraw'],
  'held rejected': ['refuse'],
  'ready absent': ['discard'],
  'ready held': ['replace'],
  'ready ready': ['replace'],
  'ready sending': ['lease'],
  'ready submitted': ['ask'],
  'ready processed': ['withdraw'],
  'ready rejected': ['giveUp'],
  'ready parked': ['obstruct'],
  'sending ready': ['putBack', 'answer'],
  'sending sending': ['lease', 'hold', 'putBack'],
  'sending submitted': ['answer', 'ask'],
  'sending processed': ['answer'],
  'sending rejected': ['answer'],
  'sending parked': ['answer', 'obstruct', 'abandon'],
  'submitted ready': ['report'],
  'submitted submitted': ['report'],
  'submitted processed': ['report'],
  'submitted rejected': ['report'],
  'submitted parked': ['report'],
  'processed held': ['revise'],
  'processed ready': ['revise'],
  'rejected held': ['revise', 'recall'],
  'rejected ready': ['revise', 'release'],
  'parked absent': ['discard'],
  'parked held': ['replace'],
  'parked ready': ['replace', 'release'],
  'parked processed': ['withdraw'],
  'parked rejected': ['giveUp'],
};
/** What is only done to a revision that the API cannot have seen. */
const UNSEEN_ALONE: TransitionName[] = ['replace', 'withdraw', 'discard', 'approve', 'refuse', 'recall'];
const PAIRS = PLACES.flatMap((from) => PLACES.map((to) => [from, to] as const));

describe('from one state to another', () => {
  test.each(PAIRS)('%s to %s: only what the rules name', (from, to) => {
    expect(namesFor(from, to)).toEqual(EXPECTED[`${from} ${to}`] ?? []);
  });

  test.each(PAIRS)('%s to %s, once the API may have seen it: no run changes or takes back its bytes', (from, to) => {
    const names = namesFor(from, to, { everSent: true });
    expect(names).toEqual((EXPECTED[`${from} ${to}`] ?? []).filter((name) => !UNSEEN_ALONE.includes(name)));
  });

  test.each(PAIRS)('%s to %s: what the rules do not name is refused, and the head stays', (from, to) => {
    const head = headIn(from);
    if (!head || to === 'absent') return;
    for (const name of NAMES.filter((each) => !namesFor(from, to).includes(each))) {
      expect(() => changedHead(head, { name, change: { state: to } })).toThrow(IllegalTransition);
    }
    expect(head).toEqual(headIn(from));
  });
});

test('what is processed is changed by a new revision alone', () => {
  expect(NAMES.filter((name) => TRANSITIONS[name].from.some((place: PackagePlace) => place === 'processed'))).toEqual([
    'revise',
  ]);
});

test.each([false, true])('packaging decides on no change that the rules forbid (ever sent: %s)', (everSent) => {
  for (const place of PLACES)
    for (const lastProcessedRevision of [0, 1])
      for (const isEmpty of [false, true]) {
        const head = headIn(place, { everSent, lastProcessedRevision, revision: lastProcessedRevision + 1 });
        if (place === 'sending' && !everSent) continue;
        if (place === 'submitted' && !everSent) continue;
        const lastProcessedHash = lastProcessedRevision > 0 ? 'before' : undefined;
        for (const contentHash of ['c0ffee', 'before', 'other']) {
          const decision = decide({ head, contentHash, isEmpty, lastProcessedHash });
          if (decision === 'wait' || decision === 'keep' || decision === 'none') continue;
          const to = decision === 'withdraw' ? 'processed' : decision === 'discard' ? 'absent' : 'ready';
          expect([decision, isLegal(decision, head, to)]).toEqual([decision, true]);
        }
      }
});

test('a person cannot decide about a package that is under way', () => {
  const sending = headIn('sending', { everSent: true });
  if (!sending) throw new Error('a head');
  expect(() => changedHead(sending, givenUp(sending, decisionOfPerson('why'), 0))).toThrow(
    'giveUp may not take package 2026-11-H1.acme from sending to rejected as it stands. Nothing was written.',
  );
  expect(() => changedHead(sending, released(sending, decisionOfPerson('why'), 0))).toThrow(IllegalTransition);
});

test('docs/architecture.md draws exactly these changes', () => {
  const text = readFileSync(new URL('../../../docs/architecture.md', import.meta.url), 'utf8');
  const [, drawing = ''] = /```mermaid\nstateDiagram-v2\n(.*?)```/s.exec(text) ?? [];
  const drawn = [...drawing.matchAll(/^ *(\S+) --> (\S+) *: (.+)$/gm)].map(([, from = '', to = '', names = '']) => [
    `${from === '[*]' ? 'absent' : from} ${to === '[*]' ? 'absent' : to}`,
    names.split(', '),
  ]);
  expect(Object.fromEntries(drawn)).toEqual(EXPECTED);
});
