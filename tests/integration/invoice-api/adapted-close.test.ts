import { afterEach, describe, expect, test } from '@jest/globals';
import { byPackage } from '../../../cli/packages/by-package.ts';
import { type Difference, reconcile } from '../../../cli/packages/reconcile.ts';
import { acknowledgementOf, recomputedBooks } from '../../../cli/packages/verification.ts';
import { verifyCertificate } from '../../../lib/certificate/verify.ts';
import { NotOfferedByInvoiceApi } from '../../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type { PackageReport } from '../../../lib/invoice-api/invoice-api.ts';
import { wholeRun } from '../../../lib/sending/selection.ts';
import { countPackages } from '../../../lib/store/package-reader.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { PackagingWorld } from '../../fixtures/packaging.ts';
import { makePackages, runSending, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables } from '../../fixtures/tables.ts';
import { startVendor, type TestVendor, VENDORS, type Vendor, withListing } from '../../fixtures/vendors.ts';

const CLIENTS = ['ada', 'bob', 'eve'];

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

async function startedWith<Started extends { stop(): Promise<void> }>(starting: Promise<Started>): Promise<Started> {
  const one = await starting;
  started.push(one);
  return one;
}

describe.each(Object.entries(VENDORS))('a period that is billed through the adapter for %s', (_name, kit) => {
  test('is certified and reconciled, before a correction and after it', async () => {
    const listing = withListing(kit.rules([]));
    const { api, vendor } = await startedWith(startVendor(kit, { rules: listing.rules }));
    const world = new PackagingWorld(await startedWith(startTestTables()));
    const send = (runId: string) => async () => {
      await runSending(sendingOn(world.tables, api), testRun({ runId }));
    };
    for (const clientId of CLIENTS) await used(world, clientId, { api_calls: '12.5', storage: '3' });

    await world.close({ period: TEST_PERIOD }, send('run-1'));
    const first = await findings(world, api);
    await used(world, 'bob', { api_calls: '1.5', storage: '-2' });
    await world.close({ period: TEST_PERIOD }, send('run-2'));
    const second = await findings(world, api);

    expect(vendor.rules.billed()).toEqual({ [kit.itemOf('api_calls')]: '39', [kit.itemOf('storage')]: '7' });
    expect([first, second]).toEqual([NOTHING_FOUND, NOTHING_FOUND]);
    if (!listsByOurNames(kit)) return;
    listing.edit = (documents) => documents.slice(1);
    expect(await findings(world, api)).toMatchObject({
      differences: [{ kind: expect.stringMatching(/missing-at-api|processed-only-here|other-revision/) }],
    });
    listing.edit = (documents) => [...documents, ...documents.slice(0, 1).map(underAnotherName)];
    expect(await findings(world, api)).toMatchObject({
      differences: [{ kind: 'listed-twice' }],
      disagreement: { found: 'more' },
    });
  });

  test('waits when its secret is revoked in the middle, and goes on with another', async () => {
    const tables = await startedWith(startTestTables());
    const another = `${kit.secret}-rotated`;
    const revoke = (_request: unknown, number: number) => {
      if (number === 8) vendor.vendor.setToken(another);
      return undefined;
    };
    const vendor: TestVendor = await startedWith(startVendor(kit, { faultOf: revoke }));
    await makePackages(tables, 12);
    const sending = sendingOn(tables, vendor.api);

    await expect(runSending(sending)).rejects.toThrow('The invoice API refused our credentials');
    const { states } = await countPackages(tables, wholeRun(testRun()));
    vendor.rotate(another);
    await runSending(sending);

    expect(states).toMatchObject({ rejected: 0, parked: 0, sending: 0 });
    expect(states.ready).toBeGreaterThan(0);
    expect((await countPackages(tables, wholeRun(testRun()))).states).toMatchObject({ processed: 12 });
    expect(vendor.vendor.rules.billed()).toEqual({ [kit.itemOf('api_calls')]: '150' });
  });
});

/** Usage on the third day of the period. */
async function used(world: PackagingWorld, clientId: string, quantities: Record<string, string>): Promise<void> {
  const events = Object.entries(quantities).map(([meter, quantity]) => ({
    clientId,
    day: '2026-11-03',
    meter,
    quantity,
  }));
  await world.count(...events);
}

interface Findings {
  differences: Difference[];
  /** The first line of the certificate that disagrees. */
  disagreement: unknown;
}

const NOTHING_FOUND: Findings = { differences: [], disagreement: undefined };

/** What `reconcile` and `certificate --verify` find, the latter without the API where it cannot list. */
async function findings(world: PackagingWorld, api: TestVendor['api']): Promise<Findings> {
  const [certificate] = await world.certificates.list(TEST_PERIOD);
  if (!certificate) throw new Error('the run certified nothing');
  const lists = [];
  for await (const list of world.certificates.acknowledgements(certificate.run.id)) lists.push(list);
  const books = await recomputedBooks(world.tables, certificate);
  const held = await heldByApi(api);
  return {
    differences: held ? reconcile(await world.heads(TEST_PERIOD), held) : [],
    disagreement: verifyCertificate(certificate, {
      ...books,
      lists,
      stored: certificate,
      previous: (await world.certificates.list(TEST_PERIOD))[1],
      ...(held ? { api: held.map(acknowledgementOf) } : {}),
    }),
  };
}

async function heldByApi(api: TestVendor['api']): Promise<PackageReport[] | undefined> {
  const listed: PackageReport[] = [];
  let cursor: string | undefined;
  for (;;) {
    const outcome = await api.listPeriod(TEST_PERIOD, cursor).catch((error: unknown) => {
      if (error instanceof NotOfferedByInvoiceApi) return undefined;
      throw error;
    });
    if (outcome === undefined) return undefined;
    if (outcome.kind !== 'listed') throw new Error(`the API lists nothing: ${outcome.reason}`);
    listed.push(...outcome.packages);
    cursor = outcome.nextCursor;
    if (cursor === undefined) return byPackage(listed);
  }
}

function listsByOurNames({ definition, settings }: Vendor): boolean {
  return definition.create(definition.settings.parse(settings)).list !== undefined;
}

/** The same document once more: not one that moved to another page, but another one. */
function underAnotherName(document: Record<string, unknown>): Record<string, unknown> {
  const names = ['id', 'lago_id', 'InvoiceID', 'CreditNoteID'].filter((name) => name in document);
  return { ...document, ...Object.fromEntries(names.map((name) => [name, 'another'])) };
}
