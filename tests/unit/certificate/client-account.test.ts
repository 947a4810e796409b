import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { accountOfClient, accountOfProvedClient } from '../../../lib/certificate/client-account.ts';
import { sumOfTotals } from '../../../lib/decimal/meter-sums.ts';
import { clientBooks, PERIOD, type RevisionStatement, TIME_ZONE } from '../../fixtures/client-books.ts';

const frame = { period: PERIOD, timeZone: TIME_ZONE };
const processed = (days: RevisionStatement['days']): RevisionStatement => ({ days, outcome: 'processed' });
const FIRST = { '2026-11-01': { api_calls: '10', storage: '0.125' } };
const SECOND = { '2026-11-01': { api_calls: '12.5', storage: '0.125' }, '2026-11-02': { api_calls: '1' } };

describe('the account of a client', () => {
  test('of one processed revision is that revision, and needs no document to be proved', () => {
    const books = clientBooks('acme', [processed(FIRST)]);

    const account = accountOfClient(books, frame);

    expect(account.faults).toEqual([]);
    expect(account.packages).toMatchObject([
      { state: 'processed', lastProcessed: { api_calls: '10', storage: '0.125' }, unprocessed: {}, isOpen: false },
    ]);
    expect(account.packages[0]?.acknowledgement).toBe('2026-11-H1.acme.r1.s1');
    expect(accountOfProvedClient(books, frame)).toEqual(account);
  });

  test('of a correction adds revisions and their differences up to what was last processed', () => {
    const account = accountOfClient(clientBooks('acme', [processed(FIRST), processed(SECOND)]), frame);

    expect(account.faults).toEqual([]);
    expect(account.packages[0]?.lastProcessed).toEqual({ api_calls: '13.5', storage: '0.125' });
    expect(account.packages[0]?.revisionsAddedUp).toEqual({ api_calls: '13.5', storage: '0.125' });
  });

  test('of a rejected correction says what it would have added', () => {
    const books = clientBooks('acme', [processed(FIRST), { days: SECOND, outcome: 'rejected' }]);

    const account = accountOfClient(books, frame);

    expect(account.packages).toMatchObject([
      { state: 'rejected', lastProcessed: { api_calls: '10', storage: '0.125' }, unprocessed: { api_calls: '3.5' } },
    ]);
    expect(account.packages[0]?.acknowledgement).toBe('2026-11-H1.acme.r1.s1');
  });

  test('of a rejected correction that is moot, since the usage is again what was processed, owes nothing', () => {
    const books = clientBooks('acme', [processed(FIRST), { days: SECOND, outcome: 'rejected' }]);
    const days = clientBooks('acme', [processed(FIRST)]).days;

    const account = accountOfClient({ ...books, days }, frame);

    expect(account.open).toEqual({});
    expect(account.packages[0]?.unprocessed).toEqual({});
  });

  test('of usage beyond a package in flight is open', () => {
    const books = clientBooks('acme', [{ days: FIRST, outcome: 'submitted' }]);
    const days = clientBooks('acme', [processed(SECOND)]).days;

    const account = accountOfClient({ ...books, days }, frame);

    expect(account.open).toEqual({ api_calls: '3.5' });
    expect(account.packages).toMatchObject([{ state: 'outstanding', isOpen: true }]);
  });

  test('always adds up: days are what was processed, and what was not', () => {
    const quantity = fc.integer({ min: 0, max: 1_000_000 }).map((units) => String(units / 1000));
    const days = fc.dictionary(
      fc.constantFrom('2026-11-01', '2026-11-02', '2026-11-15'),
      fc.dictionary(fc.constantFrom('api_calls', 'storage', 'seats'), quantity, { minKeys: 1 }),
    );
    const outcome = fc.constantFrom('processed', 'rejected', 'parked', 'submitted');
    const history = fc.array(fc.record({ days, outcome }), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(history, (statements) => {
        const account = accountOfClient(clientBooks('acme', statements), frame);

        expect(account.faults).toEqual([]);
        const [only] = account.packages;
        const parts = [only?.lastProcessed ?? {}, only?.unprocessed ?? {}, account.open];
        expect(sumOfTotals(...parts)).toEqual(account.days);
        expect(only?.revisionsAddedUp).toEqual(only?.lastProcessed);
      }),
    );
  });
});

describe('books that contradict themselves', () => {
  const books = clientBooks('acme', [processed(FIRST), processed(SECOND)]);

  test('a lost package is named', () => {
    const { faults } = accountOfClient({ ...books, heads: [] }, frame);

    expect(faults).toMatchObject([{ clientId: 'acme', line: 'package 2026-11-H1.acme', found: 'missing' }]);
    expect(accountOfProvedClient({ ...books, heads: [] }, frame)).toBeUndefined();
  });

  test('a lost document is named', () => {
    const { faults } = accountOfClient({ ...books, revisions: books.revisions.slice(0, 1) }, frame);

    expect(faults).toMatchObject([{ line: 'document of 2026-11-H1.acme revision 2', found: 'missing' }]);
  });

  test('a tampered document is named, whichever revision it is', () => {
    for (const tampered of [1, 2]) {
      const revisions = books.revisions.map((kept) =>
        kept.revision === tampered ? { ...kept, document: kept.document.replace('"0.125"', '"0.126"') } : kept,
      );

      const { faults } = accountOfClient({ ...books, revisions }, frame);

      expect(faults[0]?.line).toBe(`content of 2026-11-H1.acme revision ${tampered}`);
    }
  });

  test('a tampered difference does not add up', () => {
    const revisions = books.revisions.map((kept) => ({ ...kept, document: kept.document.replace('"3.5"', '"4.5"') }));

    const { packages } = accountOfClient({ ...books, revisions }, frame);

    expect(packages[0]?.revisionsAddedUp).not.toEqual(packages[0]?.lastProcessed);
  });

  test('a tampered daily record leaves usage that no package holds', () => {
    const days = books.days.map((day) => ({ ...day, totals: { ...day.totals, api_calls: '99' } }));

    expect(accountOfClient({ ...books, days }, frame).open).not.toEqual({});
  });
});
