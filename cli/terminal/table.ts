import { compare, normalize } from '../../lib/decimal/decimal.ts';
import { WrongUsage } from './errors.ts';
import { wrappedText } from './wrapped-text.ts';

/** A column of a table: its heading, and where its numbers stand. */
export interface Column {
  heading: string;
  align?: 'right';
  /** Words that may go on in a second line where the window is narrow. */
  isProse?: true;
}

/** Rows under headings. */
export interface Table {
  columns: readonly Column[];
  rows: readonly (readonly string[])[];
}

/** What a person wants to see of a table, in the words of the options. */
export interface TableWish {
  /** The columns, in their order. */
  columns?: readonly string[];
  /** The column to sort by; with `-` before it, the greatest first. */
  sort?: string;
}

/** Between two columns. */
const GAP = 2;
/** Narrower than this, words make a ladder. */
const NARROWEST_PROSE = 20;

/** The columns that are wanted, sorted as is wanted. @throws WrongUsage for a column that there is none of */
export function arranged(table: Table, { columns: wanted, sort }: TableWish): Table {
  const sorted = sort === undefined ? table : sortedBy(table, sort);
  if (!wanted) return sorted;
  const indexes = wanted.map((name) => indexOf(table, name, '--columns'));
  return {
    columns: indexes.flatMap((index) => table.columns[index] ?? []),
    rows: sorted.rows.map((row) => indexes.map((index) => row[index] ?? '')),
  };
}

/** A column's name where it is typed or read by a program: `late events` is `late_events`. */
export function nameOf({ heading }: Column): string {
  return heading.replaceAll(/[ -]/g, '_');
}

function sortedBy(table: Table, sort: string): Table {
  const isDescending = sort.startsWith('-');
  const index = indexOf(table, isDescending ? sort.slice(1) : sort, '--sort');
  const order = table.columns[index]?.align === 'right' ? byQuantity : byText;
  const sign = isDescending ? -1 : 1;
  return { ...table, rows: table.rows.toSorted((one, other) => sign * order(one[index] ?? '', other[index] ?? '')) };
}

function indexOf({ columns }: Table, given: string, option: string): number {
  const name = nameOf({ heading: given.trim() });
  const index = columns.findIndex((column) => nameOf(column) === name);
  if (index >= 0) return index;
  throw new WrongUsage(`${option}: there is no column "${given}": ${columns.map(nameOf).join(', ')}.`);
}

function byText(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}

/** What is no number, such as an empty cell, comes before all that are. */
function byQuantity(one: string, other: string): number {
  const [a, b] = [quantityOf(one), quantityOf(other)];
  if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined);
  return compare(a, b);
}

function quantityOf(text: string): string | undefined {
  return /^-?\d+(\.\d+)?$/.test(text) ? normalize(text) : undefined;
}

/**
 * The lines of a table, the heading first; not so where it `isTable` no more.
 * @param width of the window: words go on in a second line, and where even that is too wide, each row becomes a
 * paragraph with a line for each column; as wide as may be without one
 */
export function layoutOf(table: Table, width?: number): { isTable: boolean; lines: string[] } {
  const natural = table.columns.map(({ heading }, index) =>
    table.rows.reduce((widest, row) => Math.max(widest, (row[index] ?? '').length), heading.length),
  );
  const widths = width === undefined ? natural : fitted(table.columns, natural, width);
  if (!widths) return { isTable: false, lines: paragraphs(table, width ?? 0) };
  const headings = table.columns.map(({ heading }) => heading);
  const lines = [headings, ...table.rows].flatMap((row) => linesOf(row, table.columns, widths));
  return { isTable: true, lines };
}

/** Widths at which the table fits into the window; undefined where there are none. */
function fitted(columns: readonly Column[], natural: readonly number[], width: number): number[] | undefined {
  const widths = [...natural];
  const room = width - GAP * (columns.length - 1);
  const excess = () => widths.reduce((sum, each) => sum + each, 0) - room;
  while (excess() > 0) {
    const prose = widths.map((each, index) => (columns[index]?.isProse ? each : 0));
    const widest = Math.max(...prose);
    if (widest <= NARROWEST_PROSE) return undefined;
    widths[prose.indexOf(widest)] = Math.max(NARROWEST_PROSE, widest - excess());
  }
  return widths;
}

function linesOf(row: readonly string[], columns: readonly Column[], widths: readonly number[]): string[] {
  const cells = columns.map((_, index) => {
    const [cell = '', cellWidth = 0] = [row[index], widths[index]];
    return cell.length > cellWidth ? wrappedText(cell, cellWidth).split('\n') : [cell];
  });
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) =>
    columns
      .map(({ align }, index) => {
        const [text = '', cellWidth = 0] = [cells[index]?.[line], widths[index]];
        return align === 'right' ? text.padStart(cellWidth) : text.padEnd(cellWidth);
      })
      .join(' '.repeat(GAP))
      .trimEnd(),
  );
}

function paragraphs({ columns, rows }: Table, width: number): string[] {
  const labels = Math.max(...columns.map(({ heading }) => heading.length)) + GAP;
  return rows.flatMap((row) => [
    ...columns.map(({ heading }, index) =>
      wrappedText(`${heading.padEnd(labels)}${row[index] ?? ''}`.trimEnd(), width),
    ),
    '',
  ]);
}
