import { HalfmonthError } from '../errors/halfmonth-error.ts';

/** At most `requests` in any stretch of `seconds`, wherever it begins. */
export interface QuotaWindow {
  requests: number;
  seconds: number;
}

/** What a request is for. An API may count both together or each on its own. */
export type RequestKind = 'send' | 'status';

/** The windows of one invoice API. All hold at once; an empty list is no limit. */
export interface Quota {
  send: readonly QuotaWindow[];
  status: readonly QuotaWindow[];
  /** Windows that sends and status reads use up together. */
  shared: readonly QuotaWindow[];
}

/** The text is not a quota. */
export class InvalidQuota extends HalfmonthError {
  readonly code = 'INVALID_QUOTA';
  readonly given: string;

  constructor(given: string, fault: string) {
    super(
      `${JSON.stringify(given)} is not a quota: ${fault}. Write windows as "requests/seconds" with commas between, as in ` +
        '"60/60,5000/86400" for 60 a minute and 5,000 a day, or "none".',
    );
    this.given = given;
  }
}

const LONGEST_WINDOW_SECONDS = 366 * 24 * 3600;

/**
 * Reads windows such as `60/60,5000/86400`, or `none`.
 * @throws InvalidQuota naming the fault
 */
export function parseQuotaWindows(text: string): QuotaWindow[] {
  if (text === 'none') return [];
  const windows = text.split(',').map((part) => {
    const [, requests, seconds] = /^([1-9]\d{0,8})\/([1-9]\d{0,8})$/.exec(part) ?? [];
    if (!requests || !seconds) throw new InvalidQuota(text, `${JSON.stringify(part)} is not requests/seconds`);
    if (Number(seconds) > LONGEST_WINDOW_SECONDS) throw new InvalidQuota(text, `${seconds} seconds are over a year`);
    return { requests: Number(requests), seconds: Number(seconds) };
  });
  return windows.sort((one, other) => one.seconds - other.seconds);
}

/** One window, and the kinds of requests that use it up. */
export interface QuotaLimit {
  kinds: readonly RequestKind[];
  requests: number;
  milliseconds: number;
}

/** Every limit that a quota makes, or only those that bind one kind of requests. */
export function limitsOf(quota: Quota, kind?: RequestKind): QuotaLimit[] {
  const own = (['send', 'status'] as const).flatMap((one) => quota[one].map((window) => limit(window, [one])));
  const all = [...own, ...quota.shared.map((window) => limit(window, ['send', 'status']))];
  return kind ? all.filter(({ kinds }) => kinds.includes(kind)) : all;
}

function limit({ requests, seconds }: QuotaWindow, kinds: readonly RequestKind[]): QuotaLimit {
  return { kinds, requests, milliseconds: seconds * 1000 };
}
