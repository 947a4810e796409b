import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

interface LockedPackage {
  version?: string;
  integrity?: string;
  license?: string;
  dev?: boolean;
  optional?: boolean;
  os?: string[];
  cpu?: string[];
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, LockedPackage> };
const packages = Object.entries(lock.packages).filter(([path]) => path !== '');

/** Makers of binaries for many platforms: hashes of those for other platforms may be unknown. */
const OTHER_PLATFORMS = /^node_modules\/(@biomejs\/cli-|@dynoxide\/|@swc\/core-|@unrs\/resolver-binding-)/;

test('every locked package has a hash, but for optional binaries of other platforms', () => {
  const without = packages.filter(([, { integrity = '' }]) => !/^sha(256|384|512)-/.test(integrity));
  const unexplained = without.filter(([path, { optional, os }]) => !(OTHER_PLATFORMS.test(path) && optional && os));

  expect(unexplained.map(([path]) => path)).toEqual([]);
});

test('what runs where the tests and the functions do has a hash, engines and compilers too', () => {
  const here = packages.filter(([path]) => OTHER_PLATFORMS.test(path) && /linux-x64(-gnu)?$/.test(path));

  expect(here.length).toBeGreaterThanOrEqual(4);
  for (const [path, { integrity }] of here)
    expect({ path, integrity }).toEqual({ path, integrity: expect.stringMatching(/^sha512-/) });
});

test('nothing under the AGPL is deployed or shipped', () => {
  const copyleft = packages.filter(([, { license = '' }]) => /GPL/.test(license));

  expect(copyleft.filter(([, { dev }]) => !dev)).toEqual([]);
  expect(copyleft.map(([path]) => path)).toEqual(
    ['iam-policy', 'iam-simulate', 'iam-utils'].map((name) => `node_modules/@cloud-copilot/${name}`),
  );
});

test('every action of a workflow is pinned by its commit, with the version that it is', () => {
  for (const file of readdirSync('.github/workflows')) {
    const text = readFileSync(`.github/workflows/${file}`, 'utf8');
    for (const [line] of text.matchAll(/uses: .*$/gm))
      expect(line).toMatch(/^uses: [\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  }
});

test('the oldest Node.js that is let in has not ended', () => {
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } };

  // 20 ended on 2026-04-30 (https://github.com/nodejs/release#release-schedule).
  expect(Number(engines.node.replace('>=', ''))).toBeGreaterThanOrEqual(22);
});
