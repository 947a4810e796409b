import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { WrongUsage } from '../terminal/errors.ts';

interface Bookmark {
  file: string;
  bytes: number;
  modifiedAt: number;
  target: string;
  line: number;
  events: number;
}

/**
 * Remembers how far a file was sent, so that an interrupted send can go on. Sending twice does no harm, it only takes
 * longer.
 */
export class SendBookmark {
  readonly #path: string;
  readonly #identity: Omit<Bookmark, 'line' | 'events'>;

  /** @param target where to: the same file may go to two stages */
  constructor(file: string, target: string) {
    const { size, mtimeMs } = statSync(file);
    const path = resolve(file);
    this.#identity = { file: path, bytes: size, modifiedAt: mtimeMs, target };
    const name = createHash('sha256').update(`${target}\0${path}`).digest('hex').slice(0, 16);
    this.#path = join(process.cwd(), '.halfmonth', 'sends', `${name}.json`);
  }

  /** The last line that was sent; 0 when none was. @throws WrongUsage when the file has changed since */
  lastLine(): number {
    if (!existsSync(this.#path)) return 0;
    // Written by save alone.
    const kept = JSON.parse(readFileSync(this.#path, 'utf8')) as Bookmark;
    const { bytes, modifiedAt } = this.#identity;
    if (kept.bytes !== bytes || kept.modifiedAt !== modifiedAt) {
      throw new WrongUsage(
        `${kept.file} has changed since it was sent up to line ${kept.line}. Send it without --resume: what counted ` +
          'already counts once.',
      );
    }
    return kept.line;
  }

  save(line: number, events: number): void {
    mkdirSync(join(process.cwd(), '.halfmonth', 'sends'), { recursive: true });
    writeFileSync(this.#path, JSON.stringify({ ...this.#identity, line, events }));
  }

  forget(): void {
    rmSync(this.#path, { force: true });
  }
}
