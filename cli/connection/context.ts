import { visibleText } from '../../lib/text/visible-text.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { Output } from '../terminal/output.ts';
import type { Cloud } from './cloud.ts';
import type { CommonOptions } from './common-options.ts';

/** What a command works with. */
export class Context {
  readonly output: Output;
  readonly options: CommonOptions;
  #cloud: Promise<Cloud> | undefined;

  constructor(options: CommonOptions, output = new Output()) {
    this.options = options;
    this.output = output;
  }

  /** The cloud that the options mean, or the local one that runs. Found at first use. */
  cloud(): Promise<Cloud> {
    this.#cloud ??= (async () => {
      const { connect } = await import('./connect.ts');
      return connect(this.options, this.output);
    })();
    return this.#cloud;
  }

  /** Whether a person sits here who can be asked. */
  get isAsked(): boolean {
    return process.stdin.isTTY === true && process.stdout.isTTY === true && !this.output.json && !this.options.yes;
  }

  /**
   * Asks before something is done that changes money, unless `--yes` was given.
   * @returns false when the answer was no
   * @throws WrongUsage where nobody can be asked
   */
  async confirm(question: string): Promise<boolean> {
    if (this.options.yes) return true;
    if (!this.isAsked) {
      throw new WrongUsage(
        `${question} Nobody can be asked here: give --yes if that is what you want. Nothing was done.`,
      );
    }
    const { createInterface } = await import('node:readline/promises');
    const terminal = createInterface({ input: process.stdin, output: process.stdout });
    try {
      const answer = await terminal.question(`${visibleText(question)} [y/N] `);
      return /^y(es)?$/i.test(answer.trim());
    } finally {
      terminal.close();
    }
  }
}
