import type { RunSummary } from './close-period.ts';
import type { Notifications } from './notifications.ts';

/**
 * Tells the world that a run over everybody has closed its period. At least once: a task that is tried again tells again,
 * with the same run.
 * @returns the summary, unchanged
 */
export async function announceClosedPeriod(
  { summary, isWhole }: { summary: RunSummary; isWhole: boolean },
  notifications: Notifications,
): Promise<RunSummary> {
  const { periodId, runId, mode, finishedAt, clients, certificateHash } = summary;
  if (mode === 'close' && isWhole) {
    const detail = { periodId, runId, finishedAt, clients, ...(certificateHash ? { certificateHash } : {}) };
    await notifications.notify({ type: 'Period Closed', detail });
  }
  return summary;
}
