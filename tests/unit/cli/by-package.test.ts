import { expect, test } from '@jest/globals';
import { byPackage } from '../../../cli/packages/by-package.ts';
import type { DocumentReport } from '../../../lib/invoice-api/adapters/adapter.ts';

const document = (fields: Partial<DocumentReport> = {}): DocumentReport => ({
  id: '2026-11-H1.acme',
  status: 'processed',
  revision: 1,
  ...fields,
});

const statuses = (documents: DocumentReport[]) =>
  byPackage(documents).map(({ status, revision }) => [status, revision]);

test('a document that pages list twice, as others came in between, is one', () => {
  expect(byPackage([document({ name: 'in_1' }), document({ name: 'in_1' })])).toHaveLength(1);
});

test('two documents of one revision are a package that was billed twice', () => {
  expect(byPackage([document({ name: 'in_1' }), document({ name: 'in_2' })])).toHaveLength(2);
});

test('a package is processed when all documents of its revision are there', () => {
  const [one, other] = ['invoice', 'credit-note'].map((kind) => document({ document: kind, documents: 2 }));
  if (!one || !other) throw new Error('two documents were made');
  expect(statuses([one, other])).toEqual([['processed', 1]]);
  expect(statuses([one])).toEqual([['processing', 1]]);
});

test('a package is processed when what its correction corrects is there', () => {
  const correction = document({ revision: 2, since: 1 });
  expect(statuses([document(), correction])).toEqual([['processed', 2]]);
  expect(statuses([correction])).toEqual([['processing', 2]]);
});

test('a first document that was taken back makes the package none that is processed', () => {
  expect(statuses([document({ status: 'rejected' }), document({ revision: 2, since: 1 })])).toEqual([['rejected', 2]]);
});
