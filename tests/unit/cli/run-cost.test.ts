import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { CUSTOMERS, monthlyPrice, priceTable, UNITS } from '../../../bench/cost/monthly-price.ts';
import { runCost } from '../../../cli/periods/run-cost.ts';
import { readSettings } from '../../../config/settings.ts';
import { EXPIRY_MARGIN_DAYS } from '../../../lib/usage/usage-slices.ts';
import { alarmsOf } from '../../../resources/alarms.ts';
import { functionNames } from '../../../resources/function-names.ts';

test('docs/cost.md shows the table that the units and prices make', () => {
  expect(readFileSync(new URL('../../../docs/cost.md', import.meta.url), 'utf8')).toContain(priceTable());
});

test('the alarms are as many as the template has', () => {
  expect(UNITS.alarms).toBe(Object.keys(alarmsOf('halfmonth-prod', readSettings('prod'), functionNames())).length);
});

test('what does not depend on events or packages costs everybody the same', () => {
  const fixed = CUSTOMERS.map((customer) => monthlyPrice(customer)['alarms, metrics, dashboard']);
  expect(new Set(fixed).size).toBe(1);
});

test('slices are priced for as long as they are kept in production', () => {
  const { eventMaxAgeDays } = readSettings('prod').billing;
  expect(UNITS.sliceGigabytesPerClient).toBeCloseTo((288 * (eventMaxAgeDays + EXPIRY_MARGIN_DAYS) * 0.7) / 1e6, 12);
});

test('status estimates what the table says of packages, and the run itself', () => {
  const medium = CUSTOMERS.find(({ name }) => name === 'medium');
  const terms = Object.entries(medium ? monthlyPrice(medium) : {}).filter(([term]) => term.startsWith('packages:'));
  expect(terms).toHaveLength(3);
  const ofPackages = terms.reduce((sum, [, dollars]) => sum + dollars, 0);
  expect(2 * (runCost({ packages: 1_000 }) - runCost({ packages: 1 }))).toBeCloseTo((ofPackages * 999) / 1_000, 9);
});
