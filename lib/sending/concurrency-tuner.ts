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
/** So many times the best median latency is a sign of overload, unless it is only milliseconds. */
const SLOWDOWN = 3;
const SLOWDOWN_FROM_MILLISECONDS = 100;

/**
 * Finds how many requests the API bears at once: one more after each good round, half after a bad one, between 1 and the
 * cap. Additive increase and multiplicative decrease share a resource fairly with others who do the same (Chiu and Jain,
 * "Analysis of the increase and decrease algorithms", 1989). It begins at the cap, which a person has set.
 */
export class ConcurrencyTuner {
  readonly #cap: number;
  #concurrency: number;
  #round: Completion[] = [];
  #bestMedian = Number.POSITIVE_INFINITY;

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
    this.#bestMedian = Math.min(this.#bestMedian, median);
    this.#round = [];
    const isBad =
      failures > FAILURE_SHARE ||
      median > Math.max(SLOWDOWN * this.#bestMedian, this.#bestMedian + SLOWDOWN_FROM_MILLISECONDS);
    this.#concurrency = isBad
      ? Math.max(1, Math.floor(this.#concurrency / 2))
      : Math.min(this.#cap, this.#concurrency + 1);
  }
}

function medianOf(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
