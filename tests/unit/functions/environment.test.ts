import { expect, test } from '@jest/globals';
import * as z from 'zod/mini';
import {
  InvalidEnvironment,
  readEnvironment,
  requiredText,
  timeZoneName,
  webAddress,
  wholeNumber,
  yesOrNo,
} from '../../../functions/wiring/environment.ts';

const schema = z.object({
  TABLE: requiredText(),
  MINUTES: wholeNumber(1, 60),
  ZONE: timeZoneName(),
  URL: webAddress(),
  STRICT: yesOrNo(),
});
const good = { TABLE: 'usage', MINUTES: '5', ZONE: 'Europe/Rome', URL: 'http://127.0.0.1:4010', STRICT: 'true' };

test('parses each variable to its type and leaves out what was not asked for', () => {
  expect(readEnvironment(schema, { ...good, PATH: '/bin' })).toEqual({
    TABLE: 'usage',
    MINUTES: 5,
    ZONE: 'Europe/Rome',
    URL: 'http://127.0.0.1:4010',
    STRICT: true,
  });
});

test('one error names every variable at fault, with its value', () => {
  const read = () => readEnvironment(schema, { TABLE: '', MINUTES: '61', ZONE: 'Rome', URL: 'ftp://x', STRICT: 'yes' });

  expect(read).toThrow(InvalidEnvironment);
  for (const name of ['TABLE is empty', 'MINUTES must be at most 60 (it is "61")', 'ZONE', 'URL', 'STRICT']) {
    expect(read).toThrow(name);
  }
});

test.each(['', '5.5', '0x10', ' 5', '5m', '1e3', '99999999999999999999'])('%j is no whole number', (MINUTES) => {
  expect(() => readEnvironment(schema, { ...good, MINUTES })).toThrow('MINUTES');
});

test('a variable that is not there is missing', () => {
  const { TABLE: _, ...without } = good;
  expect(() => readEnvironment(schema, without)).toThrow('TABLE is missing');
});
