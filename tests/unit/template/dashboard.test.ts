import { expect, test } from '@jest/globals';
import { readSettings } from '../../../config/settings.ts';
import { dashboardOf } from '../../../resources/dashboard.ts';

/** The lines that the dashboard draws beside the requests to an invoice API with these quotas. */
function quotaLines(quotas: { sharedQuota: string; sendQuota: string; statusQuota: string }) {
  const settings = readSettings('prod');
  const dashboard = dashboardOf(
    'halfmonth-prod',
    { ...settings, invoiceApi: { ...settings.invoiceApi, ...quotas } },
    [],
  );
  const { widgets } = JSON.parse(dashboard.Properties.DashboardBody['Fn::Sub']) as {
    widgets: { properties: { annotations?: { horizontal: { label: string; value: number }[] } } }[];
  };
  return widgets.flatMap(({ properties }) => properties.annotations?.horizontal ?? []);
}

test.each([
  ['25/1', 1_500],
  ['60/60', 60],
  ['5000/86400', 3],
  ['1/3600', 1],
])('a quota of %s is drawn as %i a minute', (quota, value) => {
  expect(quotaLines({ sharedQuota: quota, sendQuota: 'none', statusQuota: 'none' })).toMatchObject([{ value }]);
});

test('every window of every quota has a line that says whose it is', () => {
  const lines = quotaLines({ sharedQuota: 'none', sendQuota: '60/60,5000/86400', statusQuota: '10/1' });

  expect(lines.map(({ label }) => label)).toEqual([
    "quota of sends: 60 in 60 s, as a minute's share",
    "quota of sends: 5000 in 86400 s, as a minute's share",
    "quota of status reads: 10 in 1 s, as a minute's share",
  ]);
});
