import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import type { RehearsalResult } from '../../rehearsal/rehearsal.ts';

const SEEDS = 3;

/** A process of its own, whose time is virtual. */
async function rehearsed(...options: string[]): Promise<RehearsalResult[]> {
  const program = ['--import', './rehearsal/time/main.ts', 'rehearsal/rehearse.ts', '--json', ...options];
  const child = spawn(process.execPath, program, { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = (await text(child.stdout)).trim().split('\n');
  return lines.map((line): RehearsalResult => JSON.parse(line));
}

/** `npm run rehearse` plays many more, and larger ones. */
test('the whole service, with things going wrong everywhere, bills what was consumed and nothing else', async () => {
  const results = await rehearsed('--seed', '21', '--runs', String(SEEDS), '--clients', '3', '--events', '6');

  expect(results.map(({ seed, findings }) => ({ seed, findings }))).toEqual(
    Array.from({ length: SEEDS }, (_, index) => ({ seed: 21 + index, findings: [] })),
  );
  const happened = results.flatMap((result) => Object.values(result.happened));
  expect(happened.reduce((sum, times) => sum + times, 0)).toBeGreaterThan(10 * SEEDS);
}, 900_000);
