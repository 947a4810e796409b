import { isMeter, METER_MAXIMUM_LENGTH } from '../../lib/events/consumption-event.ts';
import { WrongUsage } from '../terminal/errors.ts';

/** A meter's name, checked. @throws WrongUsage */
export function readMeterName(name: string): string {
  if (isMeter(name)) return name;
  throw new WrongUsage(
    `"${name}" is not the name of a meter: 1 to ${METER_MAXIMUM_LENGTH} letters, digits and . _ : @ | / + = -`,
  );
}
