/** The names that moments have in what commands answer. */
const MOMENT = /(?:^(?:at|now|since|until|from|to)$)|(?:At|Until|From)$/;
/** Milliseconds since the epoch have been more than this since 2001; no count under such a name is. */
const MOMENT_MILLISECONDS = 1e12;

/**
 * A value with every moment in one form, RFC 3339 in UTC with milliseconds: stores keep some as milliseconds since the
 * epoch.
 */
export function withMomentsAsText(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (name, each: unknown) =>
    typeof each === 'number' && each > MOMENT_MILLISECONDS && MOMENT.test(name) ? new Date(each).toISOString() : each,
  );
}
