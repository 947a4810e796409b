import { forecastEnd } from '../quota/forecast.ts';
import type { Quota } from '../quota/quota.ts';
import type { RunContext } from '../runs/run.ts';
import type { Sending } from './sending.ts';

/** When the last package of a run will have been sent, as the run's record keeps it. */
export interface RunForecast {
  /** RFC 3339: when it was made. */
  at: string;
  packages: number;
  quota: Quota;
  /** What a request has taken so far in this run; absent while nobody knows. */
  latencyMilliseconds?: number;
  /** RFC 3339. */
  expectedEndAt: string;
  deadline?: string;
  isBeforeDeadline?: boolean;
}

/** Says when the last of some packages will have been sent: after a block, at the latency that was seen. */
export async function forecastOf(
  run: RunContext,
  packages: number,
  latencyMilliseconds: number | undefined,
  { settings, clock, calendar }: Sending,
): Promise<RunForecast> {
  const { past, blockedUntil } = await calendar.load();
  const now = clock.now();
  const latency = latencyMilliseconds === undefined ? {} : { latency: latencyMilliseconds };
  const end = forecastEnd({
    // For the forecast a request is a package, and these take several.
    packages: packages * (settings.requestsPerSubmission ?? 1),
    quota: settings.quota,
    past,
    concurrency: settings.maximumConcurrency,
    now: Math.max(now, blockedUntil),
    ...latency,
  });
  const { deadline } = run;
  return {
    at: new Date(now).toISOString(),
    packages,
    quota: settings.quota,
    ...(latencyMilliseconds === undefined ? {} : { latencyMilliseconds }),
    expectedEndAt: new Date(end).toISOString(),
    ...(deadline === undefined ? {} : { deadline, isBeforeDeadline: end <= Date.parse(deadline) }),
  };
}

/** The forecast that stands; undefined before the first. */
export async function loadForecast(run: RunContext, { runs }: Sending): Promise<RunForecast | undefined> {
  const record = await runs.loadRunRecord(run.period.id, run.startedAt, run.runId);
  // Written below alone.
  return record?.forecast as RunForecast | undefined;
}

/** Keeps a forecast; the one before it goes. */
export function keepForecast(run: RunContext, forecast: RunForecast, { runs }: Sending): Promise<void> {
  return runs.updateRunRecord(run.period.id, { runId: run.runId, startedAt: run.startedAt, forecast });
}
