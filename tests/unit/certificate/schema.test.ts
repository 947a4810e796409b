import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';
import { certificateSchema } from '../../../lib/certificate/certificate.ts';
import { certificateOf } from '../../fixtures/certificates.ts';
import { clientBooks } from '../../fixtures/client-books.ts';

const file = new URL('../../../docs/certificate.schema.json', import.meta.url);
const { $id, title, description, ...schema } = JSON.parse(readFileSync(file, 'utf8'));

test('the published schema is the one that the code checks by', () => {
  expect(schema).toEqual(z.toJSONSchema(certificateSchema));
});

test('a certificate fits the published schema, and one with a number for a decimal does not', () => {
  const validate = new Ajv2020().compile({ $id, title, description, ...schema });
  const days = { '2026-11-01': { api_calls: '10.5' } };
  const certificate = certificateOf([clientBooks('acme', [{ days, outcome: 'processed' }])]);

  expect(validate(certificate)).toBe(true);
  expect(validate({ ...certificate, billed: { ...certificate.billed, lastProcessed: { api_calls: 10.5 } } })).toBe(
    false,
  );
});
