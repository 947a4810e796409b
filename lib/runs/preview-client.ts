import { MeterSums } from '../decimal/meter-sums.ts';
import { bodyOf } from '../packages/document.ts';
import { measureOfLine } from '../packages/lines.ts';
import type { ClientRecords } from '../store/client-reader.ts';
import type { PreviewEntry } from './chunk-steps.ts';
import type { ChunkWork } from './chunk-work.ts';
import { type PackagingFrame, type PlannedPackage, planPackages } from './client-packages.ts';
import { settleUsage } from './client-usage.ts';
import { countDecisions, countUsage, hasLostUsage } from './package-client.ts';

/** Finds out what a run would do about a client; writes nothing. */
export function previewClient(records: ClientRecords, work: ChunkWork): Promise<void> | undefined {
  const { frame, sums, listing } = work;
  const settled = settleUsage(records, work);
  countUsage(records, settled, sums);
  if (hasLostUsage(records, settled)) {
    sums.count('clientsWithoutRecords');
    return undefined;
  }
  const { clientId, heads } = records;
  for (const { state } of heads) sums.addState(state);
  const list = (planned: readonly PlannedPackage[]): void | Promise<void> => {
    countDecisions(planned, heads.length > 0, sums);
    const entry = entryOf(clientId, planned, heads.length > 0);
    if (!entry) return;
    listing.push(entry);
    return frame.obstacleOf && addObstacles(entry, planned, frame);
  };
  const planned = planPackages({ clientId, usage: settled.usage, heads }, frame);
  if (!Array.isArray(planned)) return planned.then(list);
  return list(planned) ?? undefined;
}

async function addObstacles(
  entry: PreviewEntry,
  planned: readonly PlannedPackage[],
  { obstacleOf }: PackagingFrame,
): Promise<void> {
  const obstacles: string[] = [];
  for (const { revision } of planned) {
    const obstacle = revision && (await obstacleOf?.({ body: bodyOf(revision.document, 1) }));
    if (obstacle !== undefined) obstacles.push(obstacle);
  }
  if (obstacles.length > 0) entry.obstacles = obstacles;
}

function entryOf(clientId: string, planned: readonly PlannedPackage[], wasKnown: boolean): PreviewEntry | undefined {
  const concerned = planned.filter(({ decision }) => decision !== 'none');
  if (concerned.length === 0) return undefined;
  const isChanged = concerned.some(({ decision }) => decision !== 'keep');
  const entry: PreviewEntry = {
    clientId,
    change: isChanged ? (wasKnown ? 'changed' : 'new') : 'unchanged',
    packages: concerned.map(({ part, decision, head, revision }) => ({
      part,
      revision: revision?.number ?? head?.revision ?? 1,
      decision,
    })),
  };
  if (!isChanged) return entry;
  const [totals, difference] = [new MeterSums(), new MeterSums()];
  for (const { lines, added } of concerned) {
    for (const line of lines) totals.add(measureOfLine(line), line.quantity);
    for (const line of added) difference.add(measureOfLine(line), line.quantity);
  }
  return { ...entry, totals: totals.totals(), difference: difference.totals() };
}
