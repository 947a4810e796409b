import { fileURLToPath } from 'node:url';

/** List prices in us-east-1, in US dollars, without free tiers; docs/cost.md names the pages. */
export const PRICES = {
  dynamoDbWriteUnits: 0.625 / 1e6,
  dynamoDbReadUnits: 0.125 / 1e6,
  dynamoDbGigabyteMonth: 0.25,
  dynamoDbBackupGigabyteMonth: 0.2,
  sqsRequests: 0.4 / 1e6,
  lambdaGigabyteSeconds: 0.0000133334,
  lambdaRequests: 0.2 / 1e6,
  stateTransitions: 0.025 / 1000,
  alarms: 0.1,
  metrics: 0.3,
  dashboards: 3,
  logGigabytes: 0.5,
} as const;

/** What one event, one package and one month use; docs/cost.md says where each comes from. */
export const UNITS = {
  writeUnitsPerEvent: 0.1347,
  readUnitsPerEvent: 0.0602,
  lambdaGigabyteSecondsPerEvent: 1 / 475,
  /** A message is sent in batches of 10, received and deleted likewise. */
  sqsRequestsPerMessage: 0.3,
  eventsPerMessage: 7,
  eventsPerInvocation: 10_000,
  /** The slices of a client's period, 0.7 KB for each 5 minutes. */
  gigabytesPerClientMonth: (288 * 47 * 0.7) / 1e6,
  writeUnitsPerPackage: 40,
  readUnitsPerPackage: 694,
  transitionsPerPackage: 60 / 1000,
  lambdaGigabyteSecondsPerPackage: 2.6,
  alarms: 33,
  metrics: 20,
  logGigabytesPerMillionEvents: 0.002,
} as const;

const PACKAGES_PER_CLIENT_MONTH = 2;

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
  const gigabytes = clients * UNITS.gigabytesPerClientMonth;
  return {
    'counting: write units': events * UNITS.writeUnitsPerEvent * PRICES.dynamoDbWriteUnits,
    'counting: read units': events * UNITS.readUnitsPerEvent * PRICES.dynamoDbReadUnits,
    'counting: Lambda':
      events * UNITS.lambdaGigabyteSecondsPerEvent * PRICES.lambdaGigabyteSeconds +
      (events / UNITS.eventsPerInvocation) * PRICES.lambdaRequests,
    'counting: SQS': (events / UNITS.eventsPerMessage) * UNITS.sqsRequestsPerMessage * PRICES.sqsRequests,
    'storage and point-in-time recovery':
      gigabytes * (PRICES.dynamoDbGigabyteMonth + PRICES.dynamoDbBackupGigabyteMonth),
    'packages: write and read units':
      packages *
      (UNITS.writeUnitsPerPackage * PRICES.dynamoDbWriteUnits + UNITS.readUnitsPerPackage * PRICES.dynamoDbReadUnits),
    'packages: state transitions': packages * UNITS.transitionsPerPackage * PRICES.stateTransitions,
    'packages: Lambda': packages * UNITS.lambdaGigabyteSecondsPerPackage * PRICES.lambdaGigabyteSeconds,
    'alarms, metrics, dashboard': UNITS.alarms * PRICES.alarms + UNITS.metrics * PRICES.metrics + PRICES.dashboards,
    logs: (events / 1e6) * UNITS.logGigabytesPerMillionEvents * PRICES.logGigabytes,
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
