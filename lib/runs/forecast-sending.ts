import { forecastEnd } from '../quota/forecast.ts';
import { parseQuotaWindows } from '../quota/quota.ts';
import type { QuotaCalendarStore } from '../store/quota-calendar-store.ts';
import type { ChunkSums } from './chunk-sums.ts';

/** When a run that started now would have sent its last package. */
export interface SendingForecast {
  packages: number;
  /** RFC 3339, UTC. */
  expectedEndAt: string;
}

/** The quota as functions are told it: windows such as `60/60,5000/86400`, or `none`. */
export interface QuotaTexts {
  send: string;
  status: string;
  shared: string;
}

/**
 * Makes forecasts by the quota and what is booked in its calendar at that time.
 * @param concurrency requests that may be under way at once
 * @throws InvalidQuota
 */
export function sendingForecasts(
  calendar: Pick<QuotaCalendarStore, 'load'>,
  { send, status, shared }: QuotaTexts,
  concurrency: number,
): (packages: number, now: number) => Promise<SendingForecast> {
  const quota = {
    send: parseQuotaWindows(send),
    status: parseQuotaWindows(status),
    shared: parseQuotaWindows(shared),
  };
  return async (packages, now) => {
    const { past } = await calendar.load();
    const end = forecastEnd({ packages, quota, past, concurrency, now });
    return { packages, expectedEndAt: new Date(end).toISOString() };
  };
}

/** The packages that a run would send, from what its preview found: those it would make, and those that still wait. */
export function packagesToSend({ decisions, states }: ChunkSums): number {
  const { create = 0, revise = 0, wait = 0, withdraw = 0, discard = 0 } = decisions;
  return create + revise + wait + states.ready + states.sending - withdraw - discard;
}
