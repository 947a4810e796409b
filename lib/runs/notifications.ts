import type { MeterTotals } from '../usage/records.ts';

/** Something that people or other systems want to hear of. `type` is the event's detail-type. */
export type Notification =
  | {
      type: 'Period Closed';
      detail: {
        periodId: string;
        runId: string;
        finishedAt: string;
        clients: number;
        certificateHash?: string;
        /** Absent when every package was processed. */
        rejected?: { packages: number; totals: MeterTotals; named: { packageId: string; totals: MeterTotals }[] };
      };
    }
  /** At least so much, where there was more than an hourly look has time to read; `totals` names 200 meters at most. */
  | { type: 'Late Usage'; detail: { periodId: string; events: number; totals: MeterTotals } }
  | { type: 'Packages Parked'; detail: { periodId: string; runId: string; parked: number } }
  | { type: 'Approval Awaited'; detail: { periodId: string; runId: string; held: number } }
  | { type: 'Canary Stopped'; detail: { periodId: string; runId: string; failed: number; size: number } }
  | { type: 'Failure Share Exceeded'; detail: { periodId: string; runId: string; failed: number; finished: number } }
  | {
      type: 'Forecast Past Deadline';
      detail: { periodId: string; runId: string; packages: number; expectedEndAt: string; deadline: string };
    };

/** Tells the world outside what happened in a run. */
export interface Notifications {
  notify(notification: Notification): Promise<void>;
}
