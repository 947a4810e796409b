import type { PackageLine } from '../../packages/lines.ts';

/** The first line whose quantity has more decimal places than an API takes, in words; undefined when there is none. */
export function tooManyDecimals(lines: readonly PackageLine[], most: number): string | undefined {
  for (const { meter, quantity, days } of lines) {
    const places = Math.max(...[quantity, ...days.map((day) => day.quantity)].map(placesOf));
    if (places > most) {
      return `meter ${meter} has a quantity with ${places} decimal places and the API takes ${most}, so it would be rounded`;
    }
  }
  return undefined;
}

function placesOf(quantity: string): number {
  return quantity.split('.')[1]?.length ?? 0;
}
