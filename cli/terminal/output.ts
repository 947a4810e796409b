import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

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
    if (!this.json) console.log(text);
  }

  /** A remark that is not part of the answer: to standard error, so that a pipe gets the answer alone. */
  note(text: string): void {
    if (!this.json) console.error(styleText('dim', text, { stream: process.stderr }));
  }

  /** The answer as JSON; nothing without `--json`. */
  result(value: Record<string, unknown>): void {
    if (this.json) console.log(JSON.stringify({ schemaVersion: 1, ...value }));
  }

  style(style: Style, text: string): string {
    return styleText(style, text);
  }

  /** Rows under headings, columns aligned. */
  table(columns: readonly Column[], rows: readonly (readonly string[])[]): void {
    if (this.json || rows.length === 0) return;
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
      this.#live(lines.join('\n'));
    } else if (summary !== this.#lastPlain) {
      this.#lastPlain = summary;
      console.log(summary);
    }
  }

  /** Leaves the live lines as they are. */
  endLive(): void {
    this.#live?.done();
    this.#live = undefined;
  }
}
