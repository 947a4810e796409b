import { tmpdir } from 'node:os';
import { join } from 'node:path';

// `.ci/mutants.ts` runs one part after the other, each against the tests of its own folder.
const part = process.env.MUTANTS_OF ?? 'decimal';
const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
};

/** @type {import('@stryker-mutator/api/core').PartialStrykerOptions} */
export default {
  testRunner: 'jest',
  testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
  jest: {
    projectType: 'custom',
    config: {
      testEnvironment: 'node',
      extensionsToTreatAsEsm: ['.ts'],
      transform,
      testMatch: [`<rootDir>/tests/unit/${part}/**/*.test.ts`],
    },
    enableFindRelatedTests: false,
  },
  mutate: [part === 'packages' ? 'lib/packages/transitions.ts' : `lib/${part}/*.ts`],
  // Words for people are no behaviour that a number rests on.
  mutator: { excludedMutations: ['StringLiteral'] },
  coverageAnalysis: 'perTest',
  // What is computed once, as a module is loaded, would run all tests for each change.
  ignoreStatic: true,
  concurrency: 1,
  timeoutMS: 20_000,
  // On a busy machine the first run, which measures what each test covers, takes long.
  dryRunTimeoutMinutes: 30,
  ignorePatterns: ['.halfmonth', '.serverless', '.esbuild'],
  reporters: ['clear-text', 'json', 'progress-append-only'],
  jsonReporter: { fileName: `.halfmonth/mutants-${part}.json` },
  clearTextReporter: { allowColor: false, logTests: false },
  thresholds: { high: 95, low: 90, break: 90 },
  tempDirName: join(tmpdir(), 'halfmonth-mutants'),
};
