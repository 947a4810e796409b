import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { remembering } from '../../../local/vendor-apis/request-journal.ts';
import { VENDOR_NAMES } from '../../../local/vendor-apis/simulated-vendor.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { drive, packageRequest, startVendor, type TestVendor, VENDORS } from '../../fixtures/vendors.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfmonth-vendor-'));
});
const started: TestVendor[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
  rmSync(folder, { recursive: true, force: true });
});

test.each(VENDOR_NAMES)('a simulated %s goes on after a restart with all that it was told', async (name) => {
  const kit = VENDORS[name];
  if (!kit) throw new Error(`no vendor ${name}`);
  const start = async (failing?: number): Promise<TestVendor> => {
    const each = await startVendor(kit, {
      rules: remembering(kit.rules([]), join(folder, 'journal.ndjson')),
      faultOf: (_request, number) => (number === failing ? 'server-error' : undefined),
    });
    started.push(each);
    return each;
  };
  const before = await start(2);
  for (const clientId of ['acme', 'other']) await drive(before.api, packageRequest({ clientId }));
  const halfSent = await before.api.submit(packageRequest({ clientId: 'third' }));
  await started.pop()?.stop();

  const after = await start();
  await drive(after.api, packageRequest({ clientId: 'acme' }));
  const progress = halfSent.kind === 'stepped' ? { progress: halfSent.progress } : {};
  await drive(after.api, { ...packageRequest({ clientId: 'third' }), ...progress });

  expect(await heldIds(after)).toEqual(['acme', 'other', 'third'].map((clientId) => `${TEST_PERIOD}.${clientId}`));
  expect(after.vendor.rules.billed()).toEqual({ [kit.itemOf('api_calls')]: '37.5', [kit.itemOf('storage')]: '9' });
});

async function heldIds({ api }: TestVendor): Promise<string[]> {
  const listed = await api.listPeriod(TEST_PERIOD);
  if (listed.kind !== 'listed') throw new Error(listed.kind);
  return [...new Set(listed.packages.map(({ id }) => id))].sort();
}
