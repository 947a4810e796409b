import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { visibleJson, visibleLine, visibleText } from '../../lib/text/visible-text.ts';

type Style = Parameters<typeof styleText>[0];

const ESCAPE = '\u001b';
/** Stands for the escape of our own styles until a line is written: nobody outside can know it. */
const STYLE_MARK = `\ufdd0${randomBytes(6).toString('hex')}`;

/** A column of a table: its heading, and where its numbers stand. */
export interface Column {
  heading: string;
  align?: 'right';
}

/**
 * What a command says. On a terminal: colours and live lines. In a pipe: plain lines. With `--json`: one JSON object on
 * standard output and nothing else there.
 */
export class Output {
  readonly json: boolean;
  /** Whether somebody watches: standard output is a terminal. */
  readonly isLive: boolean;
  #live: typeof import('log-update').default | undefined;
  #lastPlain = '';

  constructor(json: boolean) {
    this.json = json;
    this.isLive = process.stdout.isTTY === true && !json;
  }

  /** A line for a person. */
  line(text = ''): void {
    if (!this.json) console.log(shown(text));
  }

  /** A remark that is not part of the answer: to standard error, so that a pipe gets the answer alone. */
  note(text: string): void {
    if (!this.json) console.error(styleText('dim', visibleText(text), { stream: process.stderr }));
  }

  /** The answer as JSON; nothing without `--json`. */
  result(value: Record<string, unknown>): void {
    if (this.json) console.log(visibleJson({ schemaVersion: 1, ...value }));
  }

  style(style: Style, text: string): string {
    // What is to be styled is made visible first, or its own escapes would become ours.
    return styleText(style, visibleText(text)).replaceAll(ESCAPE, STYLE_MARK);
  }

  /** Rows under headings, columns aligned. */
  table(columns: readonly Column[], given: readonly (readonly string[])[]): void {
    if (this.json || given.length === 0) return;
    const rows = given.map((row) => row.map(visibleLine));
    const widths = columns.map(({ heading }, index) =>
      rows.reduce((widest, row) => Math.max(widest, (row[index] ?? '').length), heading.length),
    );
    const cells = (row: readonly string[]) =>
      columns
        .map(({ align }, index) => {
          const text = row[index] ?? '';
          return align === 'right' ? text.padStart(widths[index] ?? 0) : text.padEnd(widths[index] ?? 0);
        })
        .join('  ')
        .trimEnd();
    this.line(this.style('bold', cells(columns.map(({ heading }) => heading))));
    for (const row of rows) this.line(cells(row));
  }

  /** Shows lines in place of those shown before; in a pipe a summary line whenever it changes. */
  async live(lines: readonly string[], summary: string): Promise<void> {
    if (this.json) return;
    if (this.isLive) {
      this.#live ??= (await import('log-update')).default;
      this.#live(shown(lines.join('\n')));
    } else if (summary !== this.#lastPlain) {
      this.#lastPlain = summary;
      console.log(shown(summary));
    }
  }

  /** Leaves the live lines as they are. */
  endLive(): void {
    this.#live?.done();
    this.#live = undefined;
  }
}

/** What others wrote is shown, and our own styles are styles. */
function shown(text: string): string {
  return visibleText(text).replaceAll(STYLE_MARK, ESCAPE);
}
