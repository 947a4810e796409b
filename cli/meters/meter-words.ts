import type { MeterDefinition, RegisteredMeter } from '../../lib/meters/meter.ts';
import type { Column } from '../terminal/table.ts';

/** The columns of a table of meters. */
export const METER_COLUMNS: readonly Column[] = [
  { heading: 'meter' },
  { heading: 'kind' },
  { heading: 'unit' },
  { heading: 'quantity of an event' },
  { heading: 'active' },
  { heading: 'registered' },
];

/** A meter's row in such a table. */
export function meterRow(meter: RegisteredMeter): string[] {
  const { name, kind, unit = '', registeredAt } = meter;
  return [name, kind, unit, quantityWords(meter), activeWords(meter), registeredAt];
}

function quantityWords({ kind, sign, minimum, maximum, decimals }: MeterDefinition): string {
  if (kind === 'count') return 'any; each event is one';
  const rules = [
    ...(sign === 'notNegative' || kind === 'maximum' ? ['not negative'] : []),
    ...(minimum === undefined ? [] : [`at least ${minimum}`]),
    ...(maximum === undefined ? [] : [`at most ${maximum}`]),
    ...(decimals === undefined ? [] : [decimals === 0 ? 'whole' : `${decimals} decimals`]),
  ];
  return rules.join(', ') || 'any';
}

function activeWords({ activeFrom, activeUntil }: MeterDefinition): string {
  if (activeFrom === undefined && activeUntil === undefined) return 'always';
  return [activeFrom === undefined ? '' : `from ${activeFrom}`, activeUntil === undefined ? '' : `until ${activeUntil}`]
    .filter((words) => words !== '')
    .join(' ');
}
