import { expect, test } from '@jest/globals';
import { adapterPackaging, chosenAdapter, withQuotaPresets } from '../../../config/adapter.ts';
import { readSettings, type Settings } from '../../../config/settings.ts';

function settingsWith(invoiceApi: Partial<Settings['invoiceApi']>): Settings {
  const local = readSettings('local');
  return { ...local, invoiceApi: { ...local.invoiceApi, ...invoiceApi } };
}

const FILE = 'config/test.yml';
const LAGO = { adapter: 'lago', settings: { meters: { api_calls: { code: 'calls', field: 'count' } } } };

const STRIPE = { currency: 'eur', finalize: true, autoAdvance: false, meters: {} };

test.each(['local-stripe', 'local-lago', 'local-xero'])(
  'the settings of %s choose an adapter that they fit',
  async (stage) => {
    const chosen = await chosenAdapter(readSettings(stage), `config/${stage}.yml`);
    expect(`local-${chosen?.definition.name.toLowerCase()}`).toBe(stage);
  },
);

test('without an adapter nothing is bundled besides', async () => {
  const settings = settingsWith({});
  expect(await chosenAdapter(settings, FILE)).toBeUndefined();
  expect(adapterPackaging(settings, undefined)).toMatchObject({ alias: {}, define: {}, requestsPerSubmission: 1 });
});

test('a module of your own is chosen by its path', async () => {
  const settings = { company: '7', meters: { api_calls: { item: '1', unitPrice: 0.1 } } };
  const own = settingsWith({ adapter: './docs/examples/like-quickbooks.ts', settings });
  const chosen = await chosenAdapter(own, FILE);
  expect(chosen?.definition.name).toBe('an API like QuickBooks');
  expect(adapterPackaging(own, chosen)).toMatchObject({
    keepsAccessToken: true,
    alias: { '#invoice-api-adapter': expect.stringMatching(/docs\/examples\/like-quickbooks\.ts$/) },
  });
});

test.each([
  [{ adapter: 'strpe' }, 'invoiceApi.adapter: there is no strpe; it is one of contract, stripe, lago, xero, or'],
  [{ adapter: './config/settings.ts' }, 'invoiceApi.adapter: ./config/settings.ts has no default export'],
  [{ settings: { meters: {} } }, 'invoiceApi.settings: are for an adapter'],
  [{ adapter: 'lago', settings: { meters: { a: { code: 'x' } } } }, 'invoiceApi.settings.meters.a.field'],
  [{ adapter: 'stripe', settings: {} }, 'invoiceApi.settings.currency'],
  [
    { adapter: 'stripe', settings: { ...STRIPE, becomes: 'pending-items', takenBack: 'credit-note' } },
    'invoiceApi.settings.takenBack: credit-note needs invoices',
  ],
  [
    { adapter: 'stripe', settings: { ...STRIPE, finalize: false, takenBack: 'credit-note' } },
    'invoiceApi.settings.takenBack: credit-note needs finalized invoices',
  ],
  [
    { adapter: 'xero', settings: { meters: { a: {} } } },
    'invoiceApi.settings.meters.a: needs an itemCode or a unitAmount',
  ],
])('bad settings %j are told with their path', async (invoiceApi, message) => {
  await expect(chosenAdapter(settingsWith(invoiceApi), FILE)).rejects.toThrow(message);
});

test('published limits have names, and an unknown one is told', async () => {
  const settings = settingsWith({ ...LAGO, sharedQuota: 'lago-cloud' });
  const chosen = await chosenAdapter(settings, FILE);
  expect(withQuotaPresets(settings, chosen, FILE).invoiceApi.sharedQuota).toBe('10/1');
  const unknown = settingsWith({ ...LAGO, sharedQuota: 'lago-moon' });
  expect(() => withQuotaPresets(unknown, chosen, FILE)).toThrow(
    'invoiceApi.sharedQuota: there is no preset lago-moon; there are lago-cloud',
  );
});
