import { describe, expect, test } from '@jest/globals';
import { AccountUnbalanced, balance, makeCertificate } from '../../../lib/certificate/balance.ts';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { canonicalJson, isSealed, readCertificate, seal } from '../../../lib/certificate/seal.ts';
import { verifyCertificate } from '../../../lib/certificate/verify.ts';
import { certificateOf, evidenceOf } from '../../fixtures/certificates.ts';
import { clientBooks } from '../../fixtures/client-books.ts';

const BOOKS = [
  clientBooks('acme', [{ days: { '2026-11-01': { api_calls: '10.5' } }, outcome: 'processed' }]),
  clientBooks('globex', [
    { days: { '2026-11-02': { api_calls: '1' } }, outcome: 'processed' },
    { days: { '2026-11-02': { api_calls: '3' } }, outcome: 'processed' },
  ]),
  clientBooks('initech', [{ days: { '2026-11-03': { api_calls: '7' } }, outcome: 'rejected' }]),
];

/** A certificate that somebody changed and sealed again. */
function forged(certificate: Certificate, change: (content: Certificate) => void): Certificate {
  const { hash: _hash, ...content } = structuredClone(certificate);
  const copy = { ...content, hash: '' };
  change(copy);
  const { hash: _old, ...changed } = copy;
  return seal(changed);
}

describe('a certificate', () => {
  test('balances, is sealed, and agrees with the books that it was made from', () => {
    const certificate = certificateOf(BOOKS);

    expect(balance(certificate)).toBeUndefined();
    expect(isSealed(certificate)).toBe(true);
    expect(certificate.usage.days.totals).toEqual({ api_calls: '20.5' });
    expect(certificate.billed).toMatchObject({ lastProcessed: { api_calls: '13.5' }, rejected: { api_calls: '7' } });
    expect(verifyCertificate(certificate, evidenceOf(BOOKS))).toBeUndefined();
  });

  test('has the same hash whatever order its members are written in', () => {
    const certificate = certificateOf(BOOKS);
    const reordered = Object.fromEntries(Object.entries(certificate).reverse());

    expect(isSealed(readCertificate(JSON.parse(JSON.stringify(reordered))))).toBe(true);
    expect(canonicalJson(reordered)).toBe(canonicalJson(certificate));
  });

  test('is refused when it has a member that nobody knows', () => {
    expect(() => readCertificate({ ...certificateOf(BOOKS), note: 'trust me' })).toThrow(/not a closing certificate/);
  });

  test('is not made of an account that does not balance', () => {
    const { hash: _hash, schemaVersion: _version, ...parts } = certificateOf(BOOKS);
    const lost = { ...parts, billed: { ...parts.billed, lastProcessed: { api_calls: '12.5' } } };

    expect(() => makeCertificate(lost, [])).toThrow(AccountUnbalanced);
    expect(() => makeCertificate(lost, [])).toThrow(/api_calls: expected 20.5, found 19.5/);
  });

  test('is not made with one acknowledgement fewer than packages were processed', () => {
    const { hash: _hash, schemaVersion: _version, ...parts } = certificateOf(BOOKS);
    const { acknowledgements, packages } = parts;
    const fewer = { ...parts, acknowledgements: { ...acknowledgements, count: packages.processed - 1 } };

    expect(acknowledgements.count).toBe(packages.processed);
    expect(() => makeCertificate(fewer, [])).toThrow(
      /acknowledgements of processed packages: expected at least 2, found 1/,
    );
  });

  test('is not made of books that contradict themselves', () => {
    const { hash: _hash, schemaVersion: _version, ...parts } = certificateOf(BOOKS);
    const fault = { clientId: 'acme', line: 'package 2026-11-H1.acme', expected: 'kept', found: 'missing' };

    expect(() => makeCertificate(parts, [fault])).toThrow(/client acme, package 2026-11-H1.acme/);
  });
});

describe('verification names the first line that disagrees', () => {
  const certificate = certificateOf(BOOKS);
  const evidence = evidenceOf(BOOKS);
  const lineOf = (one: Certificate, against = evidence) => verifyCertificate(one, against)?.line;

  test('a changed certificate', () => {
    const changed = structuredClone(certificate);
    changed.billed.lastProcessed.api_calls = '13.4';

    expect(lineOf(changed)).toBe('hash of the certificate');
  });

  test('a changed certificate that was sealed again', () => {
    const resealed = forged(certificate, (content) => {
      content.run.id = 'run-2';
    });

    expect(lineOf(resealed, { ...evidence, stored: certificate })).toBe('hash of the stored certificate of this run');
  });

  test('a chain whose link is gone, or another', () => {
    const before = certificateOf([BOOKS[0] ?? clientBooks('acme', [])]);
    const chained = certificateOf(BOOKS, before);
    const other = forged(before, (content) => {
      content.run.certifiedAt = '2026-11-18T00:00:00.000Z';
    });

    expect(lineOf(chained, { ...evidence, previous: before })).toBeUndefined();
    expect(lineOf(chained, { ...evidence, previous: undefined })).toMatch(/^certificate before this one/);
    expect(lineOf(chained, { ...evidence, previous: other })).toMatch(/^certificate before this one/);
  });

  test('a tampered daily record', () => {
    const [acme, ...others] = BOOKS;
    const days = acme?.days.map((day) => ({ ...day, totals: { api_calls: '11' } })) ?? [];

    const found = verifyCertificate(
      certificate,
      evidenceOf([{ ...clientBooks('acme', []), ...acme, days }, ...others]),
    );

    expect(found).toMatchObject({ line: 'daily records, api_calls', expected: '20.5', found: '21' });
  });

  test('a tampered document', () => {
    const [acme, globex, initech] = BOOKS;
    const revisions = globex?.revisions.map((kept) => ({ ...kept, document: kept.document.replaceAll('"3"', '"4"') }));
    const tampered = { ...clientBooks('globex', []), ...globex, revisions: revisions ?? [] };

    const books = [acme, tampered, initech].filter((each) => each !== undefined);

    expect(lineOf(certificate, evidenceOf(books))).toBe('client globex, content of 2026-11-H1.globex revision 2');
  });

  test('a lost package', () => {
    const [acme, ...others] = BOOKS;
    const lost = { ...clientBooks('acme', []), ...acme, heads: [] };

    // The acknowledgement that was kept is not in the books any more.
    expect(lineOf(certificate, { ...evidenceOf([lost, ...others]), lists: evidence.lists })).toBe(
      'acknowledgement 2026-11-H1.acme.r1.s1 in the books',
    );
  });

  test('a lost package that was never acknowledged', () => {
    const lost = BOOKS.map((books) => (books.clientId === 'initech' ? { ...books, heads: [] } : books));

    expect(lineOf(certificate, evidenceOf(lost))).toBe('client initech, package 2026-11-H1.initech');
  });

  test('a double acknowledgement in what we kept', () => {
    const [list] = evidence.lists;
    const keys = [...(list?.keys ?? []), '2026-11-H1.acme.r1.s2'];

    expect(lineOf(certificate, { ...evidence, lists: [{ chunk: 1, step: 0, count: 3, digest: '', keys }] })).toBe(
      'acknowledgements of 2026-11-H1.acme',
    );
  });

  test('a double acknowledgement at the API', () => {
    const api = [...(evidence.api ?? []), { packageId: '2026-11-H1.acme', processedRevision: 1 }];

    expect(lineOf(certificate, { ...evidence, api })).toBe("the invoice API's entries for 2026-11-H1.acme");
  });

  test('an acknowledgement that was dropped from the kept lists', () => {
    const [list] = evidence.lists;
    const lists = [{ chunk: 1, step: 0, count: 1, digest: '', keys: list?.keys.slice(1) ?? [] }];

    expect(lineOf(certificate, { ...evidence, lists })).toBe('acknowledgements kept');
  });

  test('an API that is one revision behind', () => {
    const api = (evidence.api ?? []).map((entry) =>
      entry.packageId === '2026-11-H1.globex' ? { ...entry, processedRevision: 1 } : entry,
    );

    expect(verifyCertificate(certificate, { ...evidence, api })).toEqual({
      line: 'revision of 2026-11-H1.globex that the invoice API processed',
      expected: '2',
      found: '1',
    });
  });

  test('a package that the API does not hold, or holds without our knowledge', () => {
    const api = evidence.api ?? [];

    expect(lineOf(certificate, { ...evidence, api: api.slice(1) })).toMatch(/that the invoice API processed$/);
    const surplus = [...api, { packageId: '2026-11-H1.hooli', processedRevision: 1 }];
    expect(lineOf(certificate, { ...evidence, api: surplus })).toMatch(/^revision of 2026-11-H1.hooli/);
  });
});
