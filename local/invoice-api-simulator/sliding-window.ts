/**
 * Counts admitted requests strictly: in any half-open stretch of `milliseconds`, wherever it begins, at most
 * `requests`. Remembers the times of the last `requests` ones and no more, which is all that the question needs: a
 * request fits if and only if the one that many places before it is out of the window.
 */
export class SlidingWindow {
  readonly requests: number;
  readonly milliseconds: number;
  readonly #times: Float64Array;
  #admitted = 0;

  constructor(requests: number, milliseconds: number) {
    this.requests = requests;
    this.milliseconds = milliseconds;
    this.#times = new Float64Array(requests);
  }

  /** How long from `now` until a request fits; 0 when one fits now. */
  waitFrom(now: number): number {
    if (this.#admitted < this.requests) return 0;
    const oldest = this.#times[this.#admitted % this.requests] ?? 0;
    return Math.max(oldest + this.milliseconds - now, 0);
  }

  /** Records a request that fits. Times never go backwards. */
  admit(now: number): void {
    this.#times[this.#admitted % this.requests] = now;
    this.#admitted += 1;
  }

  /** How many more fit at this moment. */
  remainingAt(now: number): number {
    // Times never go backwards, so the first that is still in the window is found by halving.
    let low = Math.max(this.#admitted - this.requests, 0);
    let high = this.#admitted;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const time = this.#times[middle % this.requests] ?? 0;
      if (time + this.milliseconds <= now) low = middle + 1;
      else high = middle;
    }
    return this.requests - (this.#admitted - low);
  }
}
