import { ClientStore } from '../../lib/store/client-store.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';

/** Says who one client is at the invoice API. */
export async function run(context: Context, client: string, options: { customer: string }): Promise<undefined> {
  const clientId = readClientId(client);
  const cloud = await context.cloud();
  await new ClientStore(cloud.tables).save({ clientId, customer: options.customer });
  context.output.result({ command: 'clients set', target: cloud.target, clientId, customer: options.customer });
  context.output.line(`${clientId} is ${options.customer} at the invoice API.`);
}
