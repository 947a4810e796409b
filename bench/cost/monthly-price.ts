import { fileURLToPath } from 'node:url';
import { LIST_PRICES, PER_PACKAGE } from '../../cli/periods/run-cost.ts';
import { readSettings } from '../../config/settings.ts';
import { EXPIRY_MARGIN_DAYS } from '../../lib/usage/usage-slices.ts';

/** How long a slice is kept in production. */
const SLICE_DAYS = readSettings('prod').billing.eventMaxAgeDays + EXPIRY_MARGIN_DAYS;

/** What one event, one package and one month use; docs/cost.md says where each comes from. */
export const UNITS = {
  writeUnitsPerEvent: 0.1347,
  readUnitsPerEvent: 0.0602,
  lambdaGigabyteSecondsPerEvent: 1 / 475,
  /** A message is sent in batches of 10, received and deleted likewise. */
  sqsRequestsPerMessage: 0.3,
  eventsPerMessage: 7,
  eventsPerInvocation: 10_000,
  /** A client's slices, 0.7 KB for each 5 minutes of the days that are kept. */
  sliceGigabytesPerClient: (288 * SLICE_DAYS * 0.7) / 1e6,
  /**
   * What a client's month adds for ever: 30 daily records of 0.4 KB, in the table and its index; 2 packages of 3 KB.
   */
  lastingGigabytesPerClientMonth: (30 * 2 * 0.4 + 2 * 3) / 1e6,
  alarms: 47,
  metrics: 23,
  logGigabytesPerMillionEvents: 0.002,
} as const;

const PACKAGES_PER_CLIENT_MONTH = 2;
/** Records that never expire grow month by month; the table shows them after so many. */
const MONTHS_KEPT = 12;

/** A customer of a certain size. */
export interface Customer {
  name: string;
  clients: number;
  eventsPerMonth: number;
}

/** A client whose every minute has 7 events, as in the measured workload. */
export const CUSTOMERS: Customer[] = [
  { name: 'small', clients: 50 },
  { name: 'medium', clients: 1_000 },
  { name: 'large', clients: 20_000 },
].map((customer) => ({ ...customer, eventsPerMonth: customer.clients * 7 * 60 * 24 * 30 }));

/** What each term costs in a month, in US dollars. */
export function monthlyPrice({ clients, eventsPerMonth: events }: Customer): Record<string, number> {
  const packages = clients * PACKAGES_PER_CLIENT_MONTH;
  const gigabyteMonth = LIST_PRICES.dynamoDbGigabyteMonth + LIST_PRICES.dynamoDbBackupGigabyteMonth;
  return {
    'counting: write units': events * UNITS.writeUnitsPerEvent * LIST_PRICES.dynamoDbWriteUnits,
    'counting: read units': events * UNITS.readUnitsPerEvent * LIST_PRICES.dynamoDbReadUnits,
    'counting: Lambda':
      events * UNITS.lambdaGigabyteSecondsPerEvent * LIST_PRICES.lambdaGigabyteSeconds +
      (events / UNITS.eventsPerInvocation) * LIST_PRICES.lambdaRequests,
    'counting: SQS': (events / UNITS.eventsPerMessage) * UNITS.sqsRequestsPerMessage * LIST_PRICES.sqsRequests,
    'storage and point-in-time recovery: slices': clients * UNITS.sliceGigabytesPerClient * gigabyteMonth,
    'the same of what stays for ever, after a year':
      clients * MONTHS_KEPT * UNITS.lastingGigabytesPerClientMonth * gigabyteMonth,
    'packages: write and read units':
      packages *
      (PER_PACKAGE.writeUnits * LIST_PRICES.dynamoDbWriteUnits + PER_PACKAGE.readUnits * LIST_PRICES.dynamoDbReadUnits),
    'packages: state transitions': packages * PER_PACKAGE.stateTransitions * LIST_PRICES.stateTransitions,
    'packages: Lambda': packages * PER_PACKAGE.gigabyteSeconds * LIST_PRICES.lambdaGigabyteSeconds,
    'alarms, metrics, dashboard':
      UNITS.alarms * LIST_PRICES.alarms + UNITS.metrics * LIST_PRICES.metrics + LIST_PRICES.dashboards,
    logs: (events / 1e6) * UNITS.logGigabytesPerMillionEvents * LIST_PRICES.logGigabytes,
  };
}

/** The table of docs/cost.md, in Markdown. */
export function priceTable(): string {
  const prices = CUSTOMERS.map(monthlyPrice);
  const terms = Object.keys(prices[0] ?? {});
  const row = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const dollars = (amount: number) => amount.toFixed(2);
  const total = (price: Record<string, number>) => Object.values(price).reduce((sum, amount) => sum + amount, 0);
  return [
    row(['US dollars a month', ...CUSTOMERS.map(({ name }) => name)]),
    row(['---', ...CUSTOMERS.map(() => '---:')]),
    row(['clients', ...CUSTOMERS.map(({ clients }) => clients.toLocaleString('en'))]),
    row(['million events', ...CUSTOMERS.map(({ eventsPerMonth }) => (eventsPerMonth / 1e6).toLocaleString('en'))]),
    ...terms.map((term) => row([term, ...prices.map((price) => dollars(price[term] ?? 0))])),
    row(['**total**', ...prices.map((price) => `**${dollars(total(price))}**`)]),
    row([
      'a million events',
      ...prices.map((price, index) => dollars(total(price) / ((CUSTOMERS[index]?.eventsPerMonth ?? 1) / 1e6))),
    ]),
  ].join('\n');
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(priceTable());
