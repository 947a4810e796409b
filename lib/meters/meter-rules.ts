import { compare } from '../decimal/decimal.ts';
import type { ConsumptionEvent } from '../events/consumption-event.ts';
import { CORRECTION_SOURCE } from '../events/correction.ts';
import type { EventRules } from '../events/message.ts';
import { type Rejection, rejection } from '../events/rejection.ts';
import type { Day } from '../periods/days.ts';
import { isAdditiveKind } from './measure.ts';
import type { MeterDefinition, RegisteredMeter } from './meter.ts';

/**
 * Puts events to the rules of their meters. A meter that is not registered is a sum without any; with no meter
 * registered, there is nothing to put them to.
 * @param dayOf the day of an instant in the billing time zone
 */
export function rulesOf(
  meters: ReadonlyMap<string, RegisteredMeter>,
  dayOf: (instant: number) => Day,
): EventRules | undefined {
  if (meters.size === 0) return undefined;
  return (event) => {
    const meter = meters.get(event.meter);
    if (!meter) return event;
    if (event.origin.source === CORRECTION_SOURCE) return takenBack(meter, event);
    const broken = brokenRule(meter, event, dayOf);
    if (broken) return broken;
    if (meter.kind === 'sum') return event;
    return { ...event, kind: meter.kind, ...(meter.kind === 'count' ? { quantity: '1' } : {}) };
  };
}

/** What takes usage back is no usage: bounds are not for it, and it has a meaning only where quantities add up. */
function takenBack({ name, kind }: RegisteredMeter, event: ConsumptionEvent): ConsumptionEvent | Rejection {
  if (kind === 'sum') return event;
  if (isAdditiveKind(kind)) return { ...event, kind };
  return rejection('INVALID_METER', `${name} is a ${kind}, of which nothing can be taken back by adding to it.`);
}

function brokenRule(
  { name, ...meter }: RegisteredMeter,
  { quantity, instant }: ConsumptionEvent,
  dayOf: (instant: number) => Day,
): Rejection | undefined {
  const { activeFrom, activeUntil } = meter;
  if (activeFrom !== undefined || activeUntil !== undefined) {
    const day = dayOf(instant);
    const isBefore = activeFrom !== undefined && day < activeFrom;
    if (isBefore || (activeUntil !== undefined && day > activeUntil)) {
      const bound = isBefore ? `from ${activeFrom} on` : `until ${activeUntil}`;
      return rejection(
        'METER_NOT_ACTIVE',
        `The event is of ${day}, and ${name} counts ${bound} (activeFrom, activeUntil).`,
      );
    }
  }
  const outOfBounds = brokenBound(meter, quantity);
  if (outOfBounds !== undefined) {
    return rejection('QUANTITY_OUT_OF_BOUNDS', `data.quantity is ${quantity}; of ${name} it must be ${outOfBounds}.`);
  }
  const { decimals } = meter;
  if (decimals === undefined || fractionDigitsOf(quantity) <= decimals) return undefined;
  const allowed = decimals === 0 ? 'must be whole' : `may have ${decimals} digits after the decimal point`;
  return rejection('QUANTITY_TOO_PRECISE', `data.quantity is ${quantity}; of ${name} it ${allowed} (decimals).`);
}

/** The bound that a quantity breaks, in words. */
function brokenBound({ kind, sign, minimum, maximum }: MeterDefinition, quantity: string): string | undefined {
  if ((sign === 'notNegative' || kind === 'maximum') && quantity.startsWith('-')) return 'zero or more (sign)';
  if (minimum !== undefined && compare(quantity, minimum) < 0) return `at least ${minimum} (minimum)`;
  if (maximum !== undefined && compare(quantity, maximum) > 0) return `at most ${maximum} (maximum)`;
  return undefined;
}

function fractionDigitsOf(quantity: string): number {
  const point = quantity.indexOf('.');
  return point < 0 ? 0 : quantity.length - point - 1;
}
