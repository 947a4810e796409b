import { AwsError } from './aws-error.ts';

/** One page of a list, and the token of the next one. */
export interface Page<Item> {
  items: Item[];
  nextToken?: string | undefined;
}

/** What AWS gives where nothing, or zero, is asked for. */
const DEFAULT_PAGE_SIZE = 100;

/**
 * Cuts a page out of a list. The token holds the key of the last item given, so that items which are added in front in
 * the meantime neither repeat nor hide any.
 * @throws AwsError InvalidToken
 */
export function pageOf<Item>(
  all: readonly Item[],
  page: { maxResults?: number | undefined; nextToken?: string | undefined },
  keyOf: (item: Item) => string,
): Page<Item> {
  const start = page.nextToken === undefined ? 0 : indexAfter(all, page.nextToken, keyOf);
  const items = all.slice(start, start + (page.maxResults || DEFAULT_PAGE_SIZE));
  const last = items.at(-1);
  const isComplete = start + items.length >= all.length || last === undefined;
  return { items, nextToken: isComplete ? undefined : Buffer.from(keyOf(last)).toString('base64url') };
}

function indexAfter<Item>(all: readonly Item[], token: string, keyOf: (item: Item) => string): number {
  const key = Buffer.from(token, 'base64url').toString('utf8');
  const index = all.findIndex((item) => keyOf(item) === key);
  if (index === -1) throw new AwsError('InvalidToken', `Invalid Token: '${token}'`);
  return index + 1;
}
