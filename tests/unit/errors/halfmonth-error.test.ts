import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { transform } from 'esbuild';
import { PackagesParked } from '../../../lib/sending/errors.ts';

test('an error is named after its code, which is its class name in the sources', () => {
  expect(new PackagesParked('2026-11-H1', 3).name).toBe('PackagesParked');
});

test('a minified error keeps the name that the state machine matches', async () => {
  const source = readFileSync(new URL('../../../lib/errors/halfmonth-error.ts', import.meta.url), 'utf8');
  const program = `${source}
    class PeriodLocked extends HalfmonthError { override readonly code = 'PERIOD_LOCKED'; }
    export const error = new PeriodLocked('taken');`;
  const { code } = await transform(program, { loader: 'ts', format: 'esm', minify: true });
  const { error } = await import(`data:text/javascript,${encodeURIComponent(code)}`);

  expect(code).not.toContain('class PeriodLocked');
  expect(error.name).toBe('PeriodLocked');
});
