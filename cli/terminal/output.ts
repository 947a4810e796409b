import { randomBytes } from 'node:crypto';
import { styleText } from 'node:util';
import { visibleJson, visibleLine, visibleText } from '../../lib/text/visible-text.ts';
import { csvLine } from './csv.ts';
import { withMomentsAsText } from './moments.ts';
import { arranged, type Column, layoutOf, nameOf, type TableWish } from './table.ts';
import { wrappedText } from './wrapped-text.ts';

type Style = Parameters<typeof styleText>[0];

const ESCAPE = '\u001b';
/** Stands for the escape of our own styles until a line is written: nobody outside can know it. */
const STYLE_MARK = `\ufdd0${randomBytes(6).toString('hex')}`;

/** The forms that an answer may have. `jsonl` is one of `export` alone. */
export type OutputForm = 'table' | 'json' | 'csv' | 'jsonl';

/**
 * What a command says. On a terminal: colours, live lines, nothing wider than the window. In a pipe: plain lines. As
 * JSON: one object on standard output and nothing else there; as CSV: the rows of its table, and remarks elsewhere.
 */
export class Output {
  readonly form: OutputForm;
  /** Whether somebody watches: standard output is a terminal. */
  readonly isLive: boolean;
  readonly #wish: TableWish;
  #live: typeof import('log-update').default | undefined;
  #lastPlain = '';

  constructor(form: OutputForm = 'table', wish: TableWish = {}) {
    this.form = form;
    this.#wish = wish;
    this.isLive = process.stdout.isTTY === true && form === 'table';
  }

  /** Whether the answer is one JSON object. */
  get json(): boolean {
    return this.form === 'json';
  }

  /** A line for a person. */
  line(text = ''): void {
    if (this.form === 'csv') this.note(text);
    else if (!this.json) console.log(this.isLive ? inWindow(shown(text), process.stdout) : shown(text));
  }

  /** A remark that is not part of the answer: to standard error, so that a pipe gets the answer alone. */
  note(text: string): void {
    if (this.json || (this.form === 'csv' && text === '')) return;
    const words = styleText('dim', visibleText(text), { stream: process.stderr });
    console.error(process.stderr.isTTY ? inWindow(words, process.stderr) : words);
  }

  /** The answer as JSON; nothing in another form. */
  result(value: Record<string, unknown>): void {
    if (this.json) console.log(visibleJson(withMomentsAsText({ schemaVersion: 1, ...value })));
  }

  style(style: Style, text: string): string {
    // What is to be styled is made visible first, or its own escapes would become ours.
    return styleText(style, visibleText(text)).replaceAll(ESCAPE, STYLE_MARK);
  }

  /**
   * Rows under headings, columns aligned; as CSV the rows alone.
   * @throws WrongUsage for columns that there are none of
   */
  table(columns: readonly Column[], given: readonly (readonly string[])[]): void {
    if (this.json) return;
    const { columns: chosen, rows } = arranged({ columns, rows: given }, this.#wish);
    if (this.form === 'csv') {
      process.stdout.write([chosen.map(nameOf), ...rows].map(csvLine).join(''));
      return;
    }
    if (rows.length === 0) return;
    const written = { columns: chosen, rows: rows.map((row) => row.map(visibleLine)) };
    const { isTable, lines } = layoutOf(written, this.isLive ? process.stdout.columns : undefined);
    for (const [index, line] of lines.entries()) this.line(isTable && index === 0 ? this.style('bold', line) : line);
  }

  /** Shows lines in place of those shown before; in a pipe a summary line whenever it changes. */
  async live(lines: readonly string[], summary: string): Promise<void> {
    if (this.form !== 'table') return;
    if (this.isLive) {
      this.#live ??= (await import('log-update')).default;
      this.#live(shown(lines.join('\n')));
    } else if (summary !== this.#lastPlain) {
      this.#lastPlain = summary;
      console.log(shown(summary));
    }
  }

  /** Takes the live lines away: the answer says what they were about. */
  clearLive(): void {
    this.#live?.clear();
    this.endLive();
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

/** A terminal that does not say how wide it is breaks lines by itself. */
function inWindow(text: string, { columns }: NodeJS.WriteStream): string {
  return columns ? wrappedText(text, columns) : text;
}
