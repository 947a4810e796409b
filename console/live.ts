/**
 * A question that is asked anew as long as somebody listens, once for all who do. Another tab costs no read, and a tab
 * that is closed costs none any more.
 */
export class LiveQuestion {
  readonly #ask: () => Promise<string>;
  readonly #pauseMilliseconds: number;
  readonly #listeners = new Set<(answer: string) => void>();
  #latest: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(ask: () => Promise<string>, pauseMilliseconds: number) {
    this.#ask = ask;
    this.#pauseMilliseconds = pauseMilliseconds;
  }

  /** @returns ends the listening */
  listen(listener: (answer: string) => void): () => void {
    this.#listeners.add(listener);
    if (this.#latest !== undefined) listener(this.#latest);
    if (this.#listeners.size === 1) this.#schedule(0);
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0) return;
      clearTimeout(this.#timer);
      this.#latest = undefined;
    };
  }

  #schedule(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#askOnce(), milliseconds);
  }

  async #askOnce(): Promise<void> {
    const answer = await this.#ask();
    if (this.#listeners.size === 0) return;
    if (answer !== this.#latest) for (const listener of this.#listeners) listener(answer);
    this.#latest = answer;
    this.#schedule(this.#pauseMilliseconds);
  }
}
