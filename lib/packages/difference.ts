import { DecimalSum } from '../decimal/decimal.ts';
import { MeterSums } from '../decimal/meter-sums.ts';
import type { PackageLine } from './lines.ts';

/**
 * What has to be added to `before` to get `after`, per meter and day, signed. Nothing that did not change is in it.
 * Quantities are exact decimals.
 */
export function differenceOf(before: readonly PackageLine[], after: readonly PackageLine[]): PackageLine[] {
  const [linesBefore, linesAfter] = [byMeter(before), byMeter(after)];
  const meters = new Set([...linesBefore.keys(), ...linesAfter.keys()]);
  return [...meters].sort().flatMap((meter) => {
    const changes = new MeterSums()
      .addAll(totalsByDay(linesAfter.get(meter)))
      .subtractAll(totalsByDay(linesBefore.get(meter)))
      .totals();
    const days = Object.entries(changes).map(([day, quantity]) => ({ day, quantity }));
    if (days.length === 0) return [];
    const total = new DecimalSum();
    for (const { quantity } of days) total.add(quantity);
    return [{ meter, quantity: total.toString(), days }];
  });
}

function byMeter(lines: readonly PackageLine[]): Map<string, PackageLine> {
  return new Map(lines.map((line) => [line.meter, line]));
}

function totalsByDay(line: PackageLine | undefined): Record<string, string> {
  return Object.fromEntries((line?.days ?? []).map(({ day, quantity }) => [day, quantity]));
}
