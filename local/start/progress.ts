import { styleText } from 'node:util';
import { Presets, SingleBar } from 'cli-progress';

/** One step of the job as a person sees it. */
export interface Stage {
  /** How far it is. Cheap: call it as often as you like. */
  update(done: number, total: number, note?: string): void;
  /** It is done, and this came of it. */
  end(note: string): void;
}

/** Shows what goes on: bars on a terminal, plain lines elsewhere. */
export interface Progress {
  begin(title: string): Stage;
  /** A line that stands on its own, between stages. */
  say(line: string): void;
  /** Leaves the terminal as it was, whatever stage was on. */
  close(): void;
}

const TITLE_WIDTH = 28;
const PLAIN_LINE_EVERY_MILLISECONDS = 5_000;

/** Chooses by what the output is. */
export function progressOn(output: NodeJS.WriteStream): Progress {
  return output.isTTY ? new TerminalProgress(output) : new PlainProgress(output);
}

/** Bars that move. */
class TerminalProgress implements Progress {
  readonly #output: NodeJS.WriteStream;
  #bar: SingleBar | undefined;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  begin(title: string): Stage {
    const startedAt = Date.now();
    this.close();
    const bar = new SingleBar(
      {
        stream: this.#output,
        format: ` ${title.padEnd(TITLE_WIDTH)} {bar} {percentage}%  {note}`,
        barsize: 24,
        hideCursor: true,
        clearOnComplete: true,
        linewrap: false,
        stopOnComplete: false,
        fps: 10,
        // Ctrl-C is ours to handle.
        gracefulExit: false,
      },
      Presets.shades_classic,
    );
    this.#bar = bar;
    bar.start(1, 0, { note: '' });
    return {
      update: (done, total, note = '') => {
        bar.setTotal(Math.max(total, 1));
        bar.update(done, { note });
      },
      end: (note) => {
        bar.stop();
        this.#bar = undefined;
        const seconds = styleText('dim', secondsSince(startedAt), { stream: this.#output });
        this.say(
          ` ${styleText('green', '✓', { stream: this.#output })} ${title.padEnd(TITLE_WIDTH)} ${note}  ${seconds}`,
        );
      },
    };
  }

  say(line: string): void {
    this.#output.write(`${line}\n`);
  }

  close(): void {
    this.#bar?.stop();
    this.#bar = undefined;
  }
}

/** Lines for a file or a pipe: one when a stage begins to take long, one every five seconds, one at its end. */
class PlainProgress implements Progress {
  readonly #output: NodeJS.WriteStream;

  constructor(output: NodeJS.WriteStream) {
    this.#output = output;
  }

  begin(title: string): Stage {
    const startedAt = Date.now();
    let saidAt = startedAt;
    let said = '';
    return {
      update: (done, total, note = '') => {
        if (Date.now() - saidAt < PLAIN_LINE_EVERY_MILLISECONDS) return;
        const line = `${title}: ${done} of ${total}${note ? `, ${note}` : ''}`;
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

function secondsSince(startedAt: number): string {
  return `${((Date.now() - startedAt) / 1000).toFixed(1)} s`;
}
