import { type ClientMapping, ClientStore } from '../../lib/store/client-store.ts';
import type { Context } from '../connection/context.ts';

/** Lists who clients are at the invoice API. */
export async function run(context: Context): Promise<undefined> {
  const { output } = context;
  const cloud = await context.cloud();
  const clients: ClientMapping[] = [];
  for await (const mapping of new ClientStore(cloud.tables).list()) clients.push(mapping);
  clients.sort((one, other) => (one.clientId < other.clientId ? -1 : 1));
  output.result({ command: 'clients customers', target: cloud.target, clients });
  output.table(
    [{ heading: 'client' }, { heading: 'customer' }],
    clients.map(({ clientId, customer }) => [clientId, customer]),
  );
  if (clients.length === 0) output.line('Of no client it is known who it is at the invoice API.');
}
