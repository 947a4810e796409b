import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { xoroshiro128plus } from 'pure-rand/generator/xoroshiro128plus';

/** Random choices that a seed repeats exactly, on every machine. */
export class Random {
  readonly #generator;

  /** @param seed any 32-bit integer */
  constructor(seed: number) {
    this.#generator = xoroshiro128plus(seed);
  }

  /** A whole number from `least` to `most`, both included. */
  integer(least: number, most: number): number {
    return uniformInt(this.#generator, least, most);
  }

  /** True in `perMille` of 1,000 cases. */
  happens(perMille: number): boolean {
    return this.integer(0, 999) < perMille;
  }

  /** One of the choices. @throws RangeError when there are none */
  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.integer(0, choices.length - 1)];
    if (choice === undefined) throw new RangeError('nothing to pick from');
    return choice;
  }

  /** A string of decimal digits whose first is not 0. */
  digits(length: number): string {
    let text = String(this.integer(1, 9));
    while (text.length < length) text += this.integer(0, 9);
    return text;
  }
}
