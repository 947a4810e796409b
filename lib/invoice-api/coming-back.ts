/** Header fields by lower-case name, as Node gives them. */
export type HeaderFields = Readonly<Record<string, string | string[] | undefined>>;

/** What an answer's header says about when to come back. */
export interface ComeBack {
  /** From now on; more than zero, and a week at most. */
  milliseconds: number;
  /** The field that says so, as it came: `Retry-After: 120`. */
  said: string;
  /**
   * Whether it asks this caller to stay away, by `Retry-After` or by a window that is spent. Many APIs say in every
   * answer when a window ends.
   */
  isAsked: boolean;
}

/**
 * No window of any published quota is longer than a day; a week leaves room, and what is longer is no wait that anybody
 * means.
 */
const LONGEST_WAIT_MILLISECONDS = 7 * 24 * 3600 * 1000;
/** A number from here on counts from the epoch: as a duration in seconds it would be 31 years. */
const EPOCH_SECONDS_FROM = 1e9;
/** Moments later than the year 5138 in one unit are near ones in the next smaller unit. */
const EPOCH_SECONDS_TO = 1e11;
const LONGEST_VALUE = 200;

/**
 * When to come back, from whichever field says it: `Retry-After` first (RFC 9110, section 10.2.3), then `RateLimit`
 * with `RateLimit-Policy` (IETF draft ratelimit-headers, and its older forms), then the vendors' reset fields. Each is
 * read in every form that is met: seconds, milliseconds where the name says so, moments in seconds or smaller units
 * since the epoch, HTTP dates, RFC 3339, `PT30S`, `1m30s`. Zero, a moment in the past and more than a week are not
 * said.
 *
 * A moment is measured against the answer's own `Date`, so that clocks that disagree do no harm, and against our clock
 * where that makes no sense.
 *
 * @param now milliseconds since the epoch
 */
export function comeBackOf(headers: HeaderFields, now: number): ComeBack | undefined {
  const clocks = [momentOf(first(headers.date)), now].filter((clock) => clock !== undefined);
  for (const { name, shown, read, isAsked } of FIELDS) {
    const value = first(headers[name]);
    if (value === undefined || value.length > LONGEST_VALUE) continue;
    const milliseconds = read(value, clocks, headers);
    if (milliseconds === undefined) continue;
    return { milliseconds: Math.ceil(milliseconds), said: `${shown}: ${value}`, isAsked: isAsked(headers) };
  }
  return undefined;
}

/**
 * How long the API asks its caller to stay away, in milliseconds; undefined when it does not say. See
 * {@link comeBackOf}.
 */
export function retryAfterMilliseconds(headers: HeaderFields, now: number): number | undefined {
  return comeBackOf(headers, now)?.milliseconds;
}

type Reader = (value: string, clocks: readonly number[], headers: HeaderFields) => number | undefined;

interface Field {
  name: string;
  shown: string;
  read: Reader;
  isAsked(headers: HeaderFields): boolean;
}

const always = (): boolean => true;
const isSpent = (headers: HeaderFields): boolean => remainingOf(headers) === 0;

const FIELDS: readonly Field[] = [
  { name: 'retry-after-ms', shown: 'Retry-After-Ms', read: fromMilliseconds, isAsked: always },
  { name: 'x-ms-retry-after-ms', shown: 'X-Ms-Retry-After-Ms', read: fromMilliseconds, isAsked: always },
  { name: 'retry-after', shown: 'Retry-After', read: fromAnyForm, isAsked: always },
  { name: 'ratelimit', shown: 'RateLimit', read: fromRateLimit, isAsked: always },
  { name: 'ratelimit-reset', shown: 'RateLimit-Reset', read: fromReset, isAsked: isSpent },
  { name: 'x-ratelimit-reset', shown: 'X-RateLimit-Reset', read: fromReset, isAsked: isSpent },
  { name: 'x-rate-limit-reset', shown: 'X-Rate-Limit-Reset', read: fromReset, isAsked: isSpent },
  { name: 'x-ratelimit-reset-after', shown: 'X-RateLimit-Reset-After', read: fromReset, isAsked: isSpent },
];

function fromAnyForm(value: string, clocks: readonly number[]): number | undefined {
  // A field that a proxy has added to comes as a list; an HTTP date has a comma of its own.
  const [one = ''] = /^[A-Za-z]/.test(value) ? [value] : value.split(/[,;]/);
  return believable(durationOf(one.trim())) ?? untilMoment(momentOf(one.trim()), clocks);
}

function fromMilliseconds(value: string): number | undefined {
  return isNumber(value) ? believable(Number(value)) : undefined;
}

/** A window with requests left is not what stands in the way. */
function fromReset(value: string, clocks: readonly number[], headers: HeaderFields): number | undefined {
  return (remainingOf(headers) ?? 0) > 0 ? undefined : fromAnyForm(value, clocks);
}

/**
 * `"policy";r=0;t=30`, several with commas, where a policy's own window is `w` in `RateLimit-Policy`; older:
 * `remaining=0, reset=30`.
 */
function fromRateLimit(value: string, clocks: readonly number[], headers: HeaderFields): number | undefined {
  const older = parameterOf(value, 'reset');
  if (older !== undefined)
    return Number(parameterOf(value, 'remaining') ?? 0) > 0 ? undefined : fromAnyForm(older, clocks);
  const policies = (first(headers['ratelimit-policy']) ?? '').slice(0, LONGEST_VALUE).split(',');
  const waits = value.split(',').flatMap((limit) => {
    if (Number(parameterOf(limit, 'r') ?? 0) > 0) return [];
    const name = limit.split(';')[0]?.trim();
    const policy = policies.find((one) => one.split(';')[0]?.trim() === name);
    const seconds = parameterOf(limit, 't') ?? (policy && parameterOf(policy, 'w'));
    return seconds === undefined ? [] : [fromAnyForm(seconds, clocks) ?? 0];
  });
  return believable(Math.max(0, ...waits));
}

function parameterOf(text: string, name: string): string | undefined {
  return new RegExp(`(?:^|[,;\\s])${name}\\s*=\\s*"?([\\d.]+)`).exec(text)?.[1];
}

function remainingOf(headers: HeaderFields): number | undefined {
  const value =
    first(headers['x-ratelimit-remaining']) ??
    first(headers['x-rate-limit-remaining']) ??
    first(headers['ratelimit-remaining']);
  return value !== undefined && isNumber(value) ? Number(value) : undefined;
}

const MILLISECONDS_OF_UNIT: readonly [RegExp, number][] = [
  [/^(ms|msecs?|milliseconds?)$/, 1],
  [/^(s|secs?|seconds?)$/, 1_000],
  [/^(m|mins?|minutes?)$/, 60_000],
  [/^(h|hrs?|hours?)$/, 3_600_000],
  [/^(d|days?)$/, 86_400_000],
];

/** `30`, `0.5`, `20 seconds`, `1m30s`, `PT1M30S`, in milliseconds. */
function durationOf(value: string): number | undefined {
  if (isNumber(value)) return Number(value) < EPOCH_SECONDS_FROM ? Number(value) * 1_000 : undefined;
  const text = value.toLowerCase();
  // ISO 8601 sets the time of day apart with a T, which stands in no unit here.
  const parts = /^p[\dt]/.test(text) ? text.slice(1).replace('t', ' ') : text;
  const rest = parts.replaceAll(/\d+(?:\.\d+)? ?[a-z]+/g, '');
  if (/[^ ,]/.test(rest)) return undefined;
  let sum: number | undefined;
  for (const [, amount, word = ''] of parts.matchAll(/(\d+(?:\.\d+)?) ?([a-z]+)/g)) {
    const unit = MILLISECONDS_OF_UNIT.find(([name]) => name.test(word));
    if (!unit) return undefined;
    sum = (sum ?? 0) + Number(amount) * unit[1];
  }
  return sum;
}

/** A number since the epoch, an HTTP date or an RFC 3339 date, in milliseconds since the epoch. */
function momentOf(value: string | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (isNumber(value)) return epochMilliseconds(Number(value));
  // `Date.parse` takes almost anything, so a date must at least begin as dates do.
  if (!/^((Mon|Tue|Wed|Thu|Fri|Sat|Sun)|\d{4}-\d\d-\d\d[Tt ])/.test(value)) return undefined;
  // All of them mean UTC where they name no zone (RFC 9110, section 5.6.7), and `Date.parse` would take the machine's.
  const isZoned = /(Z|UTC|GMT|[+-]\d\d:?\d\d)$/i.test(value);
  const milliseconds = Date.parse(isZoned ? value : `${value}${/^\d/.test(value) ? 'Z' : ' GMT'}`);
  return Number.isNaN(milliseconds) ? undefined : milliseconds;
}

function epochMilliseconds(number: number): number | undefined {
  if (number < EPOCH_SECONDS_FROM) return undefined;
  let seconds = number;
  while (seconds >= EPOCH_SECONDS_TO) seconds /= 1_000;
  return seconds * 1_000;
}

function untilMoment(moment: number | undefined, clocks: readonly number[]): number | undefined {
  if (moment === undefined) return undefined;
  return clocks.map((clock) => believable(moment - clock)).find((wait) => wait !== undefined);
}

function believable(milliseconds: number | undefined): number | undefined {
  return milliseconds !== undefined && milliseconds > 0 && milliseconds <= LONGEST_WAIT_MILLISECONDS
    ? milliseconds
    : undefined;
}

function isNumber(value: string): boolean {
  return /^\d{1,20}(\.\d{1,20})?$/.test(value);
}

function first(value: string | string[] | undefined): string | undefined {
  return (Array.isArray(value) ? value[0] : value)?.trim();
}
