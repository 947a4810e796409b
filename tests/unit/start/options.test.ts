import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { InvalidOptions, readOptions } from '../../../local/start/options.ts';

const PROFILES = ['demo', 'perfect'];
const FILE = fileURLToPath(import.meta.url);
const read = (parameters: string[], environment: Record<string, string> = {}) =>
  readOptions(parameters, environment, PROFILES);

test('without parameters it is the sample against the demo simulator', () => {
  expect(read([])).toEqual({ profile: 'demo', seed: 1, fast: false, keep: false, console: false });
});

test('everything can be said', () => {
  const parameters = [
    '--events',
    FILE,
    '--period',
    '2026-11-H1',
    '--quota',
    '60/60,5000/86400',
    '--seed',
    '7',
    '--keep',
    '--fast',
  ];

  expect(read([...parameters, '--max-age-days', '400', '--api-profile', 'perfect'])).toEqual({
    eventsFile: { path: FILE, form: { kind: 'ndjson' } },
    period: '2026-11-H1',
    profile: 'perfect',
    quota: '60/60,5000/86400',
    seed: 7,
    maxAgeDays: 400,
    fast: true,
    keep: true,
    console: false,
  });
});

test('the console shows a cloud that stays', () => {
  expect(read(['--console'])).toMatchObject({ console: true, keep: true });
});

test('the token of an API of your own comes from the environment', () => {
  const { invoiceApi } = read(['--invoice-api', 'https://billing.example/api/'], {
    HALFMONTH_INVOICE_API_TOKEN: 'secret',
  });

  expect(invoiceApi).toEqual({ url: 'https://billing.example/api', token: 'secret' });
});

test.each([
  ['an unknown option', ['--evnets', FILE]],
  ['something left over', ['2026-11-H1']],
  ['a file that is not there', ['--events', '/no/such/file']],
  ['a folder as file', ['--events', '/']],
  ['a period of another form', ['--period', '2026-11']],
  ['an unknown profile', ['--api-profile', 'fast']],
  ['an address that is none', ['--invoice-api', 'billing.example']],
  ['a quota of another form', ['--quota', '60 per minute']],
  ['a seed that is no number', ['--seed', 'lucky']],
  ['an age of nothing', ['--max-age-days', '0']],
  ['a hurry with an API of your own', ['--invoice-api', 'https://billing.example', '--fast']],
  ['an API without its token', ['--invoice-api', 'https://billing.example']],
])('%s is wrong usage, said in one line', (_what, parameters) => {
  expect(() => read(parameters)).toThrow(InvalidOptions);
  expect(() => read(parameters)).toThrow(/^[^\n]+$/);
});

test('a profile and an API of your own exclude each other', () => {
  const parameters = ['--api-profile', 'demo', '--invoice-api', 'https://billing.example'];

  expect(() => read(parameters, { HALFMONTH_INVOICE_API_TOKEN: 'secret' })).toThrow(/give one of them/);
});
