import { DecimalSum, negate } from '../decimal/decimal.ts';
import type { Day } from '../periods/days.ts';
import type { DayQuantity, PackageLine } from './lines.ts';

/**
 * What has to be added to `before` to get `after`, per meter and day, signed. Nothing that did not change is in it.
 * Quantities are exact decimals.
 */
export function differenceOf(before: readonly PackageLine[], after: readonly PackageLine[]): PackageLine[] {
  const changes = new Map<string, Map<Day, DecimalSum>>();
  collect(changes, after, '');
  collect(changes, before, '-');
  return [...changes]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .flatMap(([meter, days]) => {
      const line = changedLine(meter, days);
      return line ? [line] : [];
    });
}

function collect(changes: Map<string, Map<Day, DecimalSum>>, lines: readonly PackageLine[], sign: '' | '-'): void {
  for (const { meter, days } of lines) {
    const changesOfMeter = changes.get(meter) ?? new Map<Day, DecimalSum>();
    changes.set(meter, changesOfMeter);
    for (const { day, quantity } of days) {
      const sum = changesOfMeter.get(day) ?? new DecimalSum();
      changesOfMeter.set(day, sum);
      sum.add(sign === '-' ? negate(quantity) : quantity);
    }
  }
}

function changedLine(meter: string, days: ReadonlyMap<Day, DecimalSum>): PackageLine | undefined {
  const changed: DayQuantity[] = [];
  const total = new DecimalSum();
  for (const [day, sum] of [...days].sort(([one], [other]) => (one < other ? -1 : 1))) {
    const quantity = sum.toString();
    if (quantity === '0') continue;
    changed.push({ day, quantity });
    total.add(quantity);
  }
  return changed.length === 0 ? undefined : { meter, quantity: total.toString(), days: changed };
}
