import { describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import type { PackageAttempt } from '../../../lib/packages/package.ts';
import { ATTEMPTS_KEPT, changedHead } from '../../../lib/packages/transitions.ts';
import { packageHead } from '../../fixtures/package-heads.ts';

const head = packageHead({ state: 'sending', attemptCount: 0 });

const attempts = fc
  .array(fc.constantFrom('send', 'check', 'release', 'give-up'), { maxLength: 60 })
  .map((actions) =>
    actions.map(
      (action, index): PackageAttempt => ({ at: `${index}`, action, revision: 1, submission: 1, outcome: 'x' }),
    ),
  );
const historyAfter = (made: readonly PackageAttempt[]) =>
  made.reduce((before, attempt) => changedHead(before, { name: 'hold', change: {}, attempt }), head).attempts;
const isExchange = ({ action }: PackageAttempt) => action === 'send' || action === 'check';

describe('the history of a package', () => {
  test('keeps every decision of a person, and the latest exchanges with the API, in order', () => {
    fc.assert(
      fc.property(attempts, (made) => {
        const kept = historyAfter(made);
        const exchanges = made.filter(isExchange).slice(-ATTEMPTS_KEPT);
        expect(kept).toEqual(made.filter((attempt) => !isExchange(attempt) || exchanges.includes(attempt)));
      }),
    );
  });

  test('a release survives any number of tries after it', () => {
    const release: PackageAttempt = {
      at: '0',
      action: 'release',
      revision: 1,
      submission: 1,
      outcome: 'ready',
      reason: 'mended',
    };
    const tries = Array.from({ length: 30 }, (_, index): PackageAttempt => {
      return { at: `${index + 1}`, action: 'send', revision: 1, submission: 1, outcome: 'unknown:time-out' };
    });

    const kept = historyAfter([release, ...tries]);

    expect(kept).toHaveLength(1 + ATTEMPTS_KEPT);
    expect(kept[0]).toEqual(release);
  });
});
