import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

test('the generated types are those of the contract; after a change run npm run generate:contract', () => {
  const directory = mkdtempSync(join(tmpdir(), 'halfmonth-contract-'));
  const regenerated = join(directory, 'contract.ts');
  const generator = 'node_modules/openapi-typescript/bin/cli.js';
  try {
    execFileSync(process.execPath, [
      generator,
      'docs/invoice-api.openapi.yaml',
      '--output',
      regenerated,
      '--root-types',
    ]);
    expect(readFileSync('lib/invoice-api/contract.ts', 'utf8')).toBe(readFileSync(regenerated, 'utf8'));
  } finally {
    rmSync(directory, { recursive: true });
  }
});
