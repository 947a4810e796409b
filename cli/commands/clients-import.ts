import pLimit from 'p-limit';
import { ClientStore } from '../../lib/store/client-store.ts';
import { readClientFile } from '../clients/client-file.ts';
import type { Context } from '../connection/context.ts';
import { plural } from '../terminal/words.ts';

const WRITTEN_AT_ONCE = 20;

/** Says who clients are at the invoice API, from a file. */
export async function run(context: Context, file: string): Promise<undefined> {
  const mappings = await readClientFile(file);
  const cloud = await context.cloud();
  const store = new ClientStore(cloud.tables);
  const write = pLimit(WRITTEN_AT_ONCE);
  await Promise.all(mappings.map((mapping) => write(() => store.save(mapping))));
  context.output.result({ command: 'clients import', target: cloud.target, clients: mappings.length });
  context.output.line(`${plural(mappings.length, 'client')} known to the invoice API now.`);
}
