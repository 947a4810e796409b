/** How a request ended, as far as the number of concurrent ones is concerned. */
export interface Completion {
  latencyMilliseconds: number;
  /** The API failed or did not answer, or refused for want of room. */
  failed: boolean;
}

/** Completions looked at together, at the least. */
const ROUND = 20;
/** A round with a larger share of failures is a sign of overload. A slow API fails one or two in a hundred anyway. */
const FAILURE_SHARE = 0.1;
/**
 * So many times the usual median latency is a sign of overload, unless it is only milliseconds. The usual one, not the
 * best: where one request in a hundred takes eight seconds, the best of many rounds is chance, and others look slow
 * beside it.
 */
const SLOWDOWN = 3;
const SLOWDOWN_FROM_MILLISECONDS = 100;
/** So many rounds say what is usual. */
const ROUNDS_KEPT = 50;

/**
 * Finds how many requests the API bears at once: one more after each good round, half after a bad one, between 1 and
 * the cap. Additive increase and multiplicative decrease share a resource fairly with others who do the same (Chiu and
 * Jain, "Analysis of the increase and decrease algorithms", 1989). It begins at the cap, which a person has set.
 */
export class ConcurrencyTuner {
  readonly #cap: number;
  #concurrency: number;
  #round: Completion[] = [];
  #medians: number[] = [];

  constructor(cap: number, start = cap) {
    this.#cap = cap;
    this.#concurrency = Math.min(Math.max(start, 1), cap);
  }

  get concurrency(): number {
    return this.#concurrency;
  }

  /** Takes one completion into account. */
  completed(completion: Completion): void {
    this.#round.push(completion);
    if (this.#round.length < Math.max(ROUND, 2 * this.#concurrency)) return;
    const failures = this.#round.filter(({ failed }) => failed).length / this.#round.length;
    const median = medianOf(this.#round.map(({ latencyMilliseconds }) => latencyMilliseconds));
    this.#medians = [...this.#medians, median].slice(-ROUNDS_KEPT);
    this.#round = [];
    const usual = medianOf([...this.#medians]);
    const isBad = failures > FAILURE_SHARE || median > Math.max(SLOWDOWN * usual, usual + SLOWDOWN_FROM_MILLISECONDS);
    this.#concurrency = isBad
      ? Math.max(1, Math.floor(this.#concurrency / 2))
      : Math.min(this.#cap, this.#concurrency + 1);
  }
}

function medianOf(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor((values.length - 1) / 2)] ?? 0;
}
