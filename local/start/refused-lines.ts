import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';

/** A line of a person's file that no usage came of. */
export interface RefusedLine {
  line: number;
  reason: string;
  /** What is wrong, with the field and its value, and what would be right. */
  message: string;
}

const LINES_SHOWN = 10;
const LINES_AT_ONCE = 1_000;

/** Gathers refused lines: all of them in a file, the first ten and the counts by reason in memory. */
export class RefusedLines {
  /** Where all of them stand, as JSON, one a line; there is none where no line was refused. */
  readonly path: string;
  readonly #shown: RefusedLine[] = [];
  readonly #counts = new Map<string, number>();
  #waiting: string[] = [];
  #count = 0;

  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
  }

  get count(): number {
    return this.#count;
  }

  add(refused: RefusedLine): void {
    this.#count += 1;
    this.#counts.set(refused.reason, (this.#counts.get(refused.reason) ?? 0) + 1);
    if (this.#shown.length < LINES_SHOWN) this.#shown.push(refused);
    this.#waiting.push(`${JSON.stringify(refused)}\n`);
    if (this.#waiting.length === LINES_AT_ONCE) this.flush();
  }

  /** Writes what has been gathered to the file. */
  flush(): void {
    if (this.#waiting.length === 0) return;
    mkdirSync(dirname(this.path), { recursive: true });
    appendFileSync(this.path, this.#waiting.join(''));
    this.#waiting = [];
  }

  /** The first ten, how many there are for each reason, and where the others stand. */
  text(): string {
    const shown = this.#shown.map(({ line, reason, message }) => `  line ${line}  ${reason}: ${message}`);
    const counts = [...this.#counts].sort(([, one], [, other]) => other - one);
    const lines = this.#count === 1 ? '1 line was not counted' : `${this.#count} lines were not counted`;
    return [
      `${lines}. Mend them and send them again; what counted already counts once.`,
      ...shown,
      ...(this.#count > shown.length ? ['  ...'] : []),
      `  ${counts.map(([reason, count]) => `${count} x ${reason}`).join(', ')}`,
      `  all of them: ${this.path}`,
    ].join('\n');
  }
}
