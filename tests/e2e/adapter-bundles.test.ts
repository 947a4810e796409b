import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, test } from '@jest/globals';
import { strFromU8, unzipSync } from 'fflate';
import { packageService } from '../../local/packaging/package-service.ts';

/** Texts that are in every adapted bundle: minified code keeps them. */
const TEXTS_OF_ADAPTERS = ['has no customer at the invoice API', 'invoiceApi.settings.meters'];
/** The functions that need to know of an adapter: one finds obstacles, two make requests. */
const ADAPTED = ['packageChunk', 'sendChunk', 'checkChunk'];

let contract: string;
let adapted: string;

beforeAll(async () => {
  contract = await packageService({ stage: 'local' });
  adapted = await packageService({ stage: 'local-xero' });
});

test.each(ADAPTED)('the bundle of %s carries an adapter only where the stage chooses one', (name) => {
  for (const text of TEXTS_OF_ADAPTERS) {
    expect(bundleOf(adapted, name).includes(text)).toBe(true);
    expect(bundleOf(contract, name).includes(text)).toBe(false);
  }
});

function bundleOf(folder: string, name: string): string {
  const files = unzipSync(readFileSync(join(folder, `${name}.zip`)));
  return Object.values(files)
    .map((file) => strFromU8(file))
    .join('\n');
}
