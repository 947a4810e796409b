import { expect, test } from '@jest/globals';
import { announceClosedPeriod } from '../../../functions/wiring/closing.ts';
import type { RunSummary } from '../../../lib/runs/close-period.ts';
import type { Notification } from '../../../lib/runs/notifications.ts';

const summary: RunSummary = {
  runId: 'run-1',
  periodId: '2026-11-H1',
  mode: 'close',
  finishedAt: '2026-11-17T03:00:00.000Z',
  clients: 2,
  clientDays: 30,
  events: 1000,
  usage: { api_calls: '1000' },
  metersLeftOut: 0,
  packages: { processed: 2 },
  difference: {},
  certificateHash: 'abc',
};

async function told(changes: Partial<RunSummary>, isWhole: boolean): Promise<Notification[]> {
  const notifications: Notification[] = [];
  const notify = async (notification: Notification) => {
    notifications.push(notification);
  };
  await announceClosedPeriod({ summary: { ...summary, ...changes }, isWhole }, { notify });
  return notifications;
}

test('a run over everybody closes its period', async () => {
  const { runId, periodId, finishedAt, clients, certificateHash } = summary;
  expect(await told({}, true)).toEqual([
    { type: 'Period Closed', detail: { periodId, runId, finishedAt, clients, certificateHash } },
  ]);
});

test('neither a preview nor a run over some clients does', async () => {
  expect(await told({ mode: 'preview' }, true)).toEqual([]);
  expect(await told({}, false)).toEqual([]);
});
