import { createLogUpdate } from 'log-update';

const MILLISECONDS_BETWEEN_DRAWINGS = 100;

/** One line of a terminal that is drawn anew in its place. */
export class LiveLine {
  readonly #draw: ReturnType<typeof createLogUpdate>;
  #text = (): string => '';
  #next: NodeJS.Timeout | undefined;

  constructor(stream: NodeJS.WriteStream) {
    this.#draw = createLogUpdate(stream);
  }

  /** Cheap: call it as often as you like. What is shown last is drawn in any case. */
  show(text: () => string): void {
    this.#text = text;
    this.#next ??= setTimeout(() => {
      this.#next = undefined;
      this.#draw(this.#text());
    }, MILLISECONDS_BETWEEN_DRAWINGS);
  }

  /** Writes a line that stays above this one. */
  above(text: string): void {
    this.#draw.persist(text);
    // It wrote over the line that moves.
    if (this.#next === undefined) this.#draw(this.#text());
  }

  /** Takes the line off the terminal, and gives the cursor back. */
  end(): void {
    clearTimeout(this.#next);
    this.#draw.clear();
    this.#draw.done();
  }
}
