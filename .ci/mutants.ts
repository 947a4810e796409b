import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The folders of `lib` on whose arithmetic money rests, each with tests of its own in `tests/unit`. */
const PARTS = ['decimal', 'periods', 'packages', 'quota', 'certificate', 'usage'];

/**
 * `npm run mutants [-- PART...]`: changes one place at a time and runs the part's tests, which must fail. Takes minutes
 * for a small part and hours for all, so it is no part of `npm test`; docs/reliability.md has what lived and why.
 */
const wanted = process.argv.slice(2);
const unknown = wanted.filter((part) => !PARTS.includes(part));
if (unknown.length > 0) {
  console.error(`There is no part ${unknown.join(', ')}. Choose among: ${PARTS.join(', ')}.`);
  process.exit(2);
}
const stryker = fileURLToPath(new URL('./bin/stryker.js', import.meta.resolve('@stryker-mutator/core/package.json')));
const failed = (wanted.length > 0 ? wanted : PARTS).filter((part) => {
  const environment = { ...process.env, MUTANTS_OF: part };
  return spawnSync(process.execPath, [stryker, 'run'], { stdio: 'inherit', env: environment }).status !== 0;
});
if (failed.length > 0) {
  console.error(`Less than 90 % killed, or no result: ${failed.join(', ')}.`);
  process.exit(1);
}
