import type { Day } from '../periods/days.ts';

/** One meter's quantity on one day, or its change. */
export interface DayQuantity {
  day: Day;
  quantity: string;
}

/** One meter's total in the period, and the days that it is made of; days and meters without quantity are left out. */
export interface PackageLine {
  meter: string;
  quantity: string;
  days: DayQuantity[];
}
