import { styleText } from 'node:util';
import { bar } from '../../cli/terminal/bar.ts';
import { LiveLine } from '../../cli/terminal/live-line.ts';
import { wrappedText } from '../../cli/terminal/wrapped-text.ts';

/** One step of the job as a person sees it. */
export interface Stage {
  /** How far it is. Cheap: call it as often as you like. */
  update(done: number, total: number, note?: string): void;
  /** It is done, and this came of it. */
  end(note: string): void;
}

/** Shows what goes on: bars on a terminal, plain lines elsewhere. */
export interface Progress {
  /** @param unit what is counted, where the title does not say it */
  begin(title: string, unit?: string): Stage;
  /** A line that stands on its own, between stages. */
  say(line: string): void;
  /** Leaves the terminal as it was, whatever stage was on. */
  close(): void;
}

const TITLE_WIDTH = 28;
const BAR_WIDTH = 24;
const PLAIN_LINE_EVERY_MILLISECONDS = 5_000;

/** Chooses by what the output is. */
export function progressOn(output: NodeJS.WriteStream): Progress {
  return output.isTTY ? new TerminalProgress(output) : new PlainProgress(output);
}

/** Bars that move. */
class TerminalProgress implements Progress {
  readonly #output: NodeJS.WriteStream;
  #line: LiveLine | undefined;
  #passing: NodeJS.Timeout | undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  begin(title: string): Stage {
    const startedAt = Date.now();
    this.close();
    const line = new LiveLine(this.#output);
    this.#line = line;
    const titled = ` ${title.padEnd(TITLE_WIDTH)} `;
    // Of what is not counted only the time is known.
    this.#passing = setInterval(() => line.show(() => `${titled}${wholeSecondsSince(startedAt)}`), 1_000);
    line.show(() => titled);
    return {
      update: (done, total, note = '') => {
        clearInterval(this.#passing);
        const share = Math.min(1, done / Math.max(total, 1));
        line.show(() => `${titled}${bar(share, BAR_WIDTH)} ${Math.floor(share * 100)}%  ${note}`);
      },
      end: (note) => {
        this.close();
        const seconds = styleText('dim', secondsSince(startedAt), { stream: this.#output });
        this.say(
          ` ${styleText('green', '✓', { stream: this.#output })} ${title.padEnd(TITLE_WIDTH)} ${note}  ${seconds}`,
        );
      },
    };
  }

  say(line: string): void {
    const text = this.#output.columns ? wrappedText(line, this.#output.columns) : line;
    if (this.#line) this.#line.above(text);
    else this.#output.write(`${text}\n`);
  }

  close(): void {
    clearInterval(this.#passing);
    this.#line?.end();
    this.#line = undefined;
  }
}

/** Lines for a file or a pipe: one when a stage begins to take long, one every five seconds, one at its end. */
class PlainProgress implements Progress {
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  begin(title: string, unit?: string): Stage {
    const startedAt = Date.now();
    let saidAt = startedAt;
    let said = '';
    return {
      update: (done, total, note = '') => {
        if (Date.now() - saidAt < PLAIN_LINE_EVERY_MILLISECONDS) return;
        const line = `${title}: ${done} of ${total}${unit ? ` ${unit}` : ''}${note ? `, ${note}` : ''}`;
        saidAt = Date.now();
        if (line !== said) this.say(line);
        said = line;
      },
      end: (note) => this.say(`${title}: ${note} (${secondsSince(startedAt)})`),
    };
  }

  say(line: string): void {
    this.#output.write(`${line}\n`);
  }

  close(): void {}
}

function wholeSecondsSince(startedAt: number): string {
  return `${Math.floor((Date.now() - startedAt) / 1000)} s`;
}

function secondsSince(startedAt: number): string {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
