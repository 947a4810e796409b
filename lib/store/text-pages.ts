/**
 * What is longer than one item may hold, 400 KB with its names and keys
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/ServiceQuotas.html#limits-items), is kept in pages of this many
 * bytes, or characters of one byte each.
 */
export const PAGE_LENGTH = 300_000;

/** Cuts a text or bytes into pages, in order; of nothing there is one empty page. */
export function pagesOf<Content extends { length: number; slice(start: number, end: number): Content }>(
  content: Content,
): Content[] {
  const count = Math.max(1, Math.ceil(content.length / PAGE_LENGTH));
  return Array.from({ length: count }, (_, page) => content.slice(page * PAGE_LENGTH, (page + 1) * PAGE_LENGTH));
}

/** Lines, joined by line feeds, in as many texts as they need without cutting a line; of none there is one empty text. */
export function pagesOfLines(lines: readonly string[]): string[] {
  const pages: string[] = [];
  let page = '';
  for (const line of lines) {
    if (page !== '' && page.length + 1 + line.length > PAGE_LENGTH) {
      pages.push(page);
      page = line;
    } else {
      page = page === '' ? line : `${page}\n${line}`;
    }
  }
  return [...pages, page];
}
