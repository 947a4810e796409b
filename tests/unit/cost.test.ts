import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { CUSTOMERS, monthlyPrice, priceTable, UNITS } from '../../bench/cost/monthly-price.ts';
import { readSettings } from '../../config/settings.ts';
import { PER_PACKAGE } from '../../lib/cost/run-cost.ts';
import { alarmsOf } from '../../resources/alarms.ts';
import { functionNames } from '../../resources/function-names.ts';

test('docs/cost.md shows the table that the units and prices make', () => {
  expect(readFileSync(new URL('../../docs/cost.md', import.meta.url), 'utf8')).toContain(priceTable());
});

test('the alarms are as many as the template has', () => {
  expect(UNITS.alarms).toBe(Object.keys(alarmsOf('halfmonth-prod', readSettings('prod'), functionNames())).length);
});

test('what does not depend on events or packages costs everybody the same', () => {
  const fixed = CUSTOMERS.map((customer) => monthlyPrice(customer)['alarms, metrics, dashboard']);
  expect(new Set(fixed).size).toBe(1);
});

test('status estimates with the same units as the table', () => {
  expect(PER_PACKAGE).toEqual({
    writeUnits: UNITS.writeUnitsPerPackage,
    readUnits: UNITS.readUnitsPerPackage,
    stateTransitions: UNITS.transitionsPerPackage,
    gigabyteSeconds: UNITS.lambdaGigabyteSecondsPerPackage,
  });
});
