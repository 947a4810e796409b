/** @type {import('jest').Config} */
const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } },
    ],
  },
};

export default {
  testTimeout: 120_000,
  // More than two cores have: most of these tests wait for an engine, a simulator or a process of their own.
  maxWorkers: 3,
  projects: ['unit', 'integration', 'faults', 'e2e'].map((name) => ({
    ...shared,
    displayName: name,
    testMatch: [`<rootDir>/tests/${name}/**/*.test.ts`],
  })),
};
