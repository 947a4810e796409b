import type { PackageLine } from '../../packages/lines.ts';

/**
 * The first line whose quantity has more decimal places than an API takes, in words; undefined when there is none.
 * @param mayRound whether the settings can have it rounded
 */
export function tooManyDecimals(lines: readonly PackageLine[], most: number, mayRound: boolean): string | undefined {
  for (const { meter, quantity, days } of lines) {
    const places = Math.max(...[quantity, ...days.map((day) => day.quantity)].map(placesOf));
    if (places > most) {
      const remedy = mayRound ? `; to have it rounded, set invoiceApi.settings.meters.${meter}.decimals` : '';
      return `meter ${meter} has a quantity with ${places} decimal places and the API takes ${most}${remedy}`;
    }
  }
  return undefined;
}

function placesOf(quantity: string): number {
  return quantity.split('.')[1]?.length ?? 0;
}
