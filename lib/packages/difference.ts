import { add, negate } from '../decimal/decimal.ts';
import { MeterSums } from '../decimal/meter-sums.ts';
import { measureOfLine, type PackageLine } from './lines.ts';

/**
 * What has to be added to `before` to get `after`, per meter and day, signed. Nothing that did not change is in it.
 * Quantities are exact decimals.
 */
export function differenceOf(before: readonly PackageLine[], after: readonly PackageLine[]): PackageLine[] {
  const [linesBefore, linesAfter] = [byMeasure(before), byMeasure(after)];
  const measures = new Set([...linesBefore.keys(), ...linesAfter.keys()]);
  return [...measures].sort().flatMap((measure) => {
    const [lineBefore, lineAfter] = [linesBefore.get(measure), linesAfter.get(measure)];
    const named = lineAfter ?? lineBefore;
    const changes = new MeterSums().addAll(totalsByDay(lineAfter)).subtractAll(totalsByDay(lineBefore)).totals();
    const days = Object.entries(changes).map(([day, quantity]) => ({ day, quantity }));
    if (!named || (days.length === 0 && lineAfter?.quantity === lineBefore?.quantity)) return [];
    const quantity = add(lineAfter?.quantity ?? '0', negate(lineBefore?.quantity ?? '0'));
    const { meter, kind } = named;
    return [{ meter, ...(kind ? { kind } : {}), quantity, days }];
  });
}

function byMeasure(lines: readonly PackageLine[]): Map<string, PackageLine> {
  return new Map(lines.map((line) => [measureOfLine(line), line]));
}

function totalsByDay(line: PackageLine | undefined): Record<string, string> {
  return Object.fromEntries((line?.days ?? []).map(({ day, quantity }) => [day, quantity]));
}
