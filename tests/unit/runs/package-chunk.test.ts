import { expect, test } from '@jest/globals';
import {
  type PackageChunkDependencies,
  type PackageChunkEvent,
  packageChunk,
  STEPS_PER_CHUNK,
} from '../../../lib/runs/package-chunk.ts';

const event: PackageChunkEvent = {
  run: {
    schemaVersion: 1,
    runId: 'run-1',
    executionArn: 'arn:aws:states:eu-central-1:000000000000:execution:machine:run-1',
    startedAt: '2026-11-17T02:00:00.000Z',
    period: { id: '2026-11-H1', from: '2026-11-01', to: '2026-11-15' },
    mode: 'close',
  },
  chunk: 7,
  purpose: 'package',
};

test('a chunk that is called more often than its history can hold is refused before it touches anything', async () => {
  const nothing = {} as PackageChunkDependencies; // any use of it would be another error
  const refused = packageChunk({ ...event, step: STEPS_PER_CHUNK }, nothing);
  await expect(refused).rejects.toMatchObject({ name: 'ChunkTooLarge', code: 'CHUNK_TOO_LARGE', chunk: 7 });
  await expect(refused).rejects.toThrow('start the run again');
});
