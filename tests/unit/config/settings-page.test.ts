import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import type { ZodObject, ZodOptional } from 'zod';
import { readSettings, settingsSchema } from '../../../config/settings.ts';

const page = readFileSync(new URL('../../../docs/settings.md', import.meta.url), 'utf8');
/** Each row of the page: the setting's path and its value in production. */
const rows = [...page.matchAll(/^\| `(\w+\.\w+)` \| (.*?) ?\|/gm)].map(([, path = '', value = '']) => ({
  path,
  value,
}));

test('the page of settings has each setting once, in the order of the file, and no other', () => {
  // Every member of the schema is an object of settings, or nothing where a stage may do without.
  const groups = Object.entries(settingsSchema.shape) as unknown as [string, ZodObject | ZodOptional<ZodObject>][];
  const settings = groups.flatMap(([group, schema]) => {
    const { shape } = 'unwrap' in schema ? schema.unwrap() : schema;
    return Object.keys(shape).map((name) => `${group}.${name}`);
  });
  expect(rows.map(({ path }) => path)).toEqual(settings);
});

test('the page of settings shows what they are in production', () => {
  const prod = Object.entries(readSettings('prod')).flatMap(([group, settings]) =>
    Object.entries(settings ?? {}).map(([name, value]) => [`${group}.${name}`, String(value)]),
  );
  const shown = rows.filter(({ value }) => value !== '').map(({ path, value }) => [path, value]);
  expect(Object.fromEntries(shown)).toEqual(Object.fromEntries(prod));
});
