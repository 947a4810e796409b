import { ClientStore } from '../../lib/store/client-store.ts';
import { clientsOfPeriod, type PeriodClient } from '../clients/period-clients.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { type StateCounts, statesWords } from '../periods/period-status.ts';
import { plural, totalsWords } from '../terminal/words.ts';

/** Lists the clients of a period: what each has used, how its packages stand, and who it is at the invoice API. */
export async function run(
  context: Context,
  given: string | undefined,
  { limit }: { limit: number },
): Promise<undefined> {
  const { output } = context;
  const cloud = await context.cloud();
  const period = periodOrLast(given, cloud, output);
  const customers = await customersOf(cloud);
  const clients = [];
  let isCut = false;
  for await (const client of clientsOfPeriod(cloud.tables, period.id)) {
    isCut = clients.length === limit;
    if (isCut) break;
    clients.push(clientOf(client, customers));
    if (output.isLive && clients.length % 100 === 0)
      void output.live([`${plural(clients.length, 'client')} read.`], '');
  }
  output.clearLive();
  clients.sort((one, other) => (one.clientId < other.clientId ? -1 : 1));
  output.result({ command: 'clients', target: cloud.target, period: period.id, clients, isCut });
  output.table(
    [
      { heading: 'client' },
      { heading: 'days', align: 'right' },
      { heading: 'events', align: 'right' },
      { heading: 'usage', isProse: true },
      { heading: 'packages', isProse: true },
      ...(customers ? [{ heading: 'customer' }] : []),
    ],
    clients.map(({ clientId, days, events, totals, packages, customer = '' }) => [
      clientId,
      String(days),
      String(events),
      totalsWords(totals),
      statesWords(packages),
      ...(customers ? [customer] : []),
    ]),
  );
  output.line(
    isCut
      ? `${plural(clients.length, 'client')}, and more with --limit.`
      : `${plural(clients.length, 'client')} of ${period.id}`,
  );
}

function clientOf({ usage, heads }: PeriodClient, customers: ReadonlyMap<string, string> | undefined) {
  const { clientId, days, events, totals } = usage;
  const packages: Partial<StateCounts> = {};
  for (const { state } of heads) packages[state] = (packages[state] ?? 0) + 1;
  const customer = customers?.get(clientId);
  return { clientId, days: days.length, events, totals, packages, ...(customer === undefined ? {} : { customer }) };
}

/** Who clients are at an API that others own; undefined where it knows them by our ids. */
async function customersOf(cloud: Cloud): Promise<Map<string, string> | undefined> {
  if ((await cloud.adapter()) === undefined) return undefined;
  const customers = new Map<string, string>();
  for await (const { clientId, customer } of new ClientStore(cloud.tables).list()) customers.set(clientId, customer);
  return customers;
}
