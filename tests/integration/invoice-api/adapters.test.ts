import { afterEach, describe, expect, test } from '@jest/globals';
import { byPackage } from '../../../cli/packages/by-package.ts';
import { wholeRun } from '../../../lib/sending/selection.ts';
import { countPackages } from '../../../lib/store/package-reader.ts';
import { stripeRules } from '../../../local/vendor-apis/stripe.ts';
import type { VendorFault } from '../../../local/vendor-apis/vendor-api.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { makePackages, runSending, sendingOn, testRun } from '../../fixtures/sending.ts';
import { startTestTables } from '../../fixtures/tables.ts';
import { drive, packageRequest, startVendor, type TestVendor, VENDORS } from '../../fixtures/vendors.ts';

const started: TestVendor[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

describe.each(Object.keys(VENDORS))('the adapter for %s', (name) => {
  const kit = VENDORS[name];
  if (!kit) throw new Error(`no vendor ${name}`);
  const start = async (options: Parameters<typeof startVendor>[1] = {}): Promise<TestVendor> => {
    const each = await startVendor(kit, options);
    started.push(each);
    return each;
  };
  const both = (calls: string, storage: string) => ({
    [kit.itemOf('api_calls')]: calls,
    [kit.itemOf('storage')]: storage,
  });

  test('bills a package once, in no more requests than it says', async () => {
    const { api, vendor } = await start();
    const outcomes = await drive(api, packageRequest());
    expect(outcomes.at(-1)).toMatchObject({ kind: 'accepted', status: 'processed', id: `${TEST_PERIOD}.acme` });
    expect(outcomes.length).toBeLessThanOrEqual(api.facts.requestsPerSubmission);
    expect(vendor.requests).toHaveLength(outcomes.length);
    expect(vendor.rules.billedTo(kit.customerOf('acme'))).toEqual(both('12.5', '3'));
  });

  test('the same submission again changes nothing', async () => {
    const { api, vendor } = await start();
    await drive(api, packageRequest());
    const again = await drive(api, packageRequest());
    expect(again.at(-1)).toMatchObject({ kind: 'accepted', status: 'processed' });
    expect(vendor.rules.billed()).toEqual(both('12.5', '3'));
  });

  test('the same submission after the API has forgotten its key changes nothing', async () => {
    const { api, vendor, pass } = await start();
    const firstSentAt = Date.now();
    await drive(api, packageRequest());
    pass(2 * kit.keyLifetime);
    const again = await drive(api, packageRequest(), firstSentAt);
    expect(again.at(-1)).toMatchObject({ kind: 'accepted', status: 'processed' });
    expect(vendor.rules.billed()).toEqual(both('12.5', '3'));
  });

  const faults: VendorFault[] = ['lost', 'answer-lost', 'server-error', 'throttled'];
  test.each(faults.flatMap((fault) => [1, 2, 3].map((step) => ({ fault, step }))))(
    'request $step: $fault, and the package is billed once all the same',
    async ({ fault, step }) => {
      const { api, vendor } = await start({ faultOf: (_request, number) => (number === step ? fault : undefined) });
      const outcomes = await drive(api, packageRequest());
      expect(outcomes.at(-1)).toMatchObject({ kind: 'accepted', status: 'processed' });
      expect(vendor.rules.billed()).toEqual(both('12.5', '3'));
    },
  );

  test.each([1, 2, 3])('the answer to request %d is lost for longer than keys are kept', async (step) => {
    const { api, vendor, pass } = await start({ faultOf: (_request, n) => (n === step ? 'answer-lost' : undefined) });
    let asked = packageRequest();
    const firstSentAt = Date.now();
    for (let request = 1; request <= step; request++) {
      const outcome = await api.submit(asked);
      if (outcome.kind === 'stepped') asked = { ...asked, progress: outcome.progress, firstSentAt };
    }
    pass(2 * kit.keyLifetime);
    const outcomes = await drive(api, asked, firstSentAt);
    expect(outcomes.at(-1)).toMatchObject({ kind: 'accepted', status: 'processed' });
    expect(vendor.rules.billed()).toEqual(both('12.5', '3'));
  });

  test('a request beyond the limits is told as such', async () => {
    const { api, vendor } = await start({ limits: [{ requests: 1, seconds: 60 }] });
    await api.submit(packageRequest());
    expect(await api.submit(packageRequest({ clientId: 'other' }))).toMatchObject({ kind: 'throttled' });
    expect(vendor.violations()).toBe(1);
  });

  test('a customer that is gone is refused in the words of the API', async () => {
    const { api, vendor } = await start({ gone: [kit.customerOf('acme')] });
    const outcome = (await drive(api, packageRequest())).at(-1);
    expect(outcome).toMatchObject({ kind: 'invalid', reason: expect.stringContaining(kit.customerOf('acme')) });
    expect(vendor.rules.billed()).toEqual({});
  });

  test('a correction bills what changed: more of one meter, less of another', async () => {
    const { api, vendor } = await start();
    await drive(api, packageRequest());
    const correction = packageRequest({
      revision: 2,
      lines: { api_calls: '14', storage: '1' },
      difference: { api_calls: '1.5', storage: '-2' },
    });
    expect((await drive(api, correction)).at(-1)).toMatchObject({ kind: 'accepted' });
    await drive(api, correction);
    expect(vendor.rules.billed()).toEqual(both('14', '1'));
  });

  test.each(['answer-lost', 'server-error'] as const)(
    'a correction whose requests go wrong with %s, one after the other, is billed once',
    async (fault) => {
      for (let failing = 1; failing <= 8; failing++) {
        let sent = Number.POSITIVE_INFINITY;
        const { api, vendor } = await start({ faultOf: (_request, n) => (n === sent + failing ? fault : undefined) });
        await drive(api, packageRequest());
        sent = vendor.requests.length;
        const difference = { api_calls: '1.5', storage: '-2' };
        await drive(api, packageRequest({ revision: 2, lines: { api_calls: '14', storage: '1' }, difference }));
        expect(vendor.rules.billed()).toEqual(both('14', '1'));
      }
    },
  );

  test('a correction that takes everything back leaves nothing', async () => {
    const { api, vendor } = await start();
    await drive(api, packageRequest());
    const difference = { api_calls: '-12.5', storage: '-3' };
    await drive(api, packageRequest({ revision: 2, lines: {}, difference }));
    expect(vendor.rules.billed()).toEqual({});
  });

  test('a revoked secret is told as such, is in no reason, and another is used once it is there', async () => {
    const { api, vendor, rotate } = await start();
    vendor.setToken('another-secret:that-is-long');
    const refused = await api.submit(packageRequest()).catch((error: unknown) => String(error));
    expect(JSON.stringify(refused)).toMatch(/credentials-refused|refused our client id/);
    expect(JSON.stringify(refused)).not.toContain(kit.secret);
    vendor.setToken(kit.secret);
    rotate(kit.secret);
    expect((await drive(api, packageRequest())).at(-1)).toMatchObject({ kind: 'accepted' });
  });

  test('what our settings do not map keeps a package back, and is named', async () => {
    const { api, vendor } = await start({ unmapped: ['stranger'] });
    const places = api.facts as unknown as { quantityDecimals: number };
    const tooFine = `1.${'0'.repeat(Math.min(places.quantityDecimals, 30))}1`;
    const obstacles = await Promise.all([
      api.obstacle?.(packageRequest()),
      api.obstacle?.(packageRequest({ clientId: 'stranger' })),
      api.obstacle?.(packageRequest({ lines: { api_calls: '1', unheard_of: '2' } })),
      places.quantityDecimals > 30
        ? 'decimal places'
        : api.obstacle?.(packageRequest({ lines: { api_calls: tooFine } })),
    ]);
    expect(obstacles).toEqual([
      undefined,
      expect.stringContaining('client stranger has no customer'),
      expect.stringContaining('meter unheard_of is not in invoiceApi.settings.meters'),
      expect.stringContaining('decimal places'),
    ]);
    expect(vendor.requests).toEqual([]);
  });

  test('what the API holds of a period can be listed, where the adapter says so', async () => {
    const { api } = await start();
    for (const clientId of ['acme', 'other']) await drive(api, packageRequest({ clientId }));
    const listed = await api.listPeriod(TEST_PERIOD).catch((error: { code: string }) => error);
    if ('code' in listed) {
      expect(kit.definition.create(kit.definition.settings.parse(kit.settings)).list).toBeUndefined();
      expect(listed.code).toBe('NOT_OFFERED_BY_INVOICE_API');
      return;
    }
    expect(listed).toMatchObject({ kind: 'listed' });
    const packages = listed.kind === 'listed' ? byPackage(listed.packages) : [];
    expect(packages.map(({ id, status, revision }) => [id, status, revision]).sort()).toEqual([
      [`${TEST_PERIOD}.acme`, 'processed', 1],
      [`${TEST_PERIOD}.other`, 'processed', 1],
    ]);
  });

  test('the sender bills every package exactly once while a seventh of all requests go wrong', async () => {
    const tables = await startTestTables();
    const kinds: VendorFault[] = ['lost', 'answer-lost', 'server-error'];
    const { api, vendor } = await start({
      faultOf: (_request, number) => (number % 7 === 0 ? kinds[(number / 7) % kinds.length] : undefined),
    });
    try {
      await makePackages(tables, 12);
      await runSending(sendingOn(tables, api, { attemptsLimit: 30 }));
      const { states } = await countPackages(tables, wholeRun(testRun()));
      expect(states).toMatchObject({ processed: 12 });
    } finally {
      await tables.stop();
    }
    expect(vendor.rules.billed()).toEqual({ [kit.itemOf('api_calls')]: '150' });
    expect(vendor.rules.packages()).toHaveLength(12);
  });
});

test('a price that Stripe refuses is told with its meter, and no invoice is finalized', async () => {
  const kit = VENDORS.stripe;
  if (!kit) throw new Error('no stripe');
  const vendor = await startVendor(kit, { rules: stripeRules({ priceCurrencies: { price_storage: 'usd' } }) });
  started.push(vendor);

  const outcomes = await drive(vendor.api, packageRequest());

  expect(outcomes.at(-1)).toMatchObject({
    kind: 'invalid',
    reason: expect.stringMatching(/^meter storage \(invoiceApi\.settings\.meters\.storage\): .* is in usd/),
  });
  expect(vendor.vendor.rules.billed()).toEqual({});
});
