import { lastEndedPeriod, type Period, periodOf } from '../../lib/periods/periods.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Output } from '../terminal/output.ts';

/** The period that was named, or the one that ended last. @throws InvalidPeriod */
export function periodOrLast(given: string | undefined, cloud: Cloud, output: Output): Period {
  if (given !== undefined) return periodOf(given);
  const period = lastEndedPeriod(Date.now(), cloud.calendar);
  output.note(`Period ${period.id}, the last that has ended.`);
  return period;
}
