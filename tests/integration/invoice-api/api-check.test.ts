import { afterEach, describe, expect, test } from '@jest/globals';
import { type ApiUnderCheck, type CheckedPoint, checkApi } from '../../../cli/invoice-api/api-check.ts';
import { lagoRules } from '../../../local/vendor-apis/lago.ts';
import { stripeRules } from '../../../local/vendor-apis/stripe.ts';
import type { VendorRules } from '../../../local/vendor-apis/vendor-api.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { packageRequest, startVendor, type TestVendor, VENDORS } from '../../fixtures/vendors.ts';

const started: TestVendor[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

/** Tries an API whose rules a test may break. */
async function check(name: string, options: Parameters<typeof startVendor>[1] = {}): Promise<CheckedPoint[]> {
  const kit = VENDORS[name];
  if (!kit) throw new Error(`no vendor ${name}`);
  let isBreaking = false;
  const vendor = await startVendor(kit, { faultOf: () => (isBreaking ? 'answer-lost' : undefined), ...options });
  started.push(vendor);
  const packages = ['check-1', 'check-2'].map((clientId) => ({
    id: `${TEST_PERIOD}.${clientId}`,
    request: packageRequest({ clientId, lines: { api_calls: '1' } }),
    otherContent: packageRequest({ clientId, lines: { api_calls: '2' } }),
  }));
  const points: CheckedPoint[] = [];
  const subject: ApiUnderCheck = {
    api: vendor.api,
    async breakOff(ask) {
      isBreaking = true;
      try {
        return await ask({});
      } finally {
        isBreaking = false;
      }
    },
    packages: [packages[0] ?? failed(), packages[1] ?? failed()],
    periodId: TEST_PERIOD,
    settingChecks: vendor.api.settingChecks,
    paced: (ask) => ask(),
    lists: kit.definition.create(kit.definition.settings.parse(kit.settings)).list !== undefined,
  };
  for await (const point of checkApi(subject)) points.push(point);
  return points;
}

/** Every request of events is new to it, as if it kept no transaction ids; it lists them as they were sent. */
function forgetfulOfEvents(rules: VendorRules): VendorRules['answer'] {
  let request = 0;
  const original = (id: string) => id.replace(/ \d+$/, '');
  return ({ text, ...asked }, now) => {
    request += 1;
    const sent = text.replaceAll(/("transaction_id":"[^"]*)"/g, `$1 ${request}"`);
    const answer = rules.answer({ ...asked, text: sent }, now);
    const { events = [], ...body } = answer.body as { events?: { transaction_id: string }[] };
    const shown = events.map((event) => ({ ...event, transaction_id: original(event.transaction_id) }));
    return { ...answer, body: { ...body, events: shown } };
  };
}

function failed(): never {
  throw new Error('two packages were made');
}

describe('the check of an API', () => {
  test.each(Object.keys(VENDORS))('finds nothing wrong with %s', async (name) => {
    const points = await check(name);
    expect(points.filter(({ result }) => result === 'fails')).toEqual([]);
    expect(points.length).toBeGreaterThanOrEqual(5);
  });

  const twice: [string, (rules: VendorRules) => VendorRules][] = [
    [
      'stripe',
      (rules) => ({
        ...rules,
        answer: ({ headers: { 'idempotency-key': _forgotten, ...headers }, ...request }, now) =>
          rules.answer({ ...request, headers }, now),
      }),
    ],
    ['lago', (rules) => ({ ...rules, answer: forgetfulOfEvents(rules) })],
  ];
  test.each(twice)('finds that %s bills a package twice when it forgets what it has', async (name, broken) => {
    const kit = VENDORS[name] ?? failed();
    const points = await check(name, { rules: broken(kit.rules([])) });
    expect(points.filter(({ result }) => result === 'fails').map(({ point }) => point)).toEqual([
      'it lists each package once',
    ]);
  });

  test.each([
    ['lago', lagoRules([], { calls: 'count' }), 'meters.storage: Lago knows no billable metric storage'],
    ['lago', lagoRules([], { calls: 'count', storage: 'bytes' }), 'meters.storage: .* sums bytes, not gb'],
    ['stripe', stripeRules({ priceCurrencies: { price_storage: 'usd' } }), 'meters.storage: .* is in usd'],
  ])('sends nothing while the settings name what %s has not', async (name, rules, fault) => {
    const points = await check(name, { rules });
    expect(points).toEqual([
      { point: 'what the settings name is there', result: 'fails', words: expect.stringMatching(fault) },
    ]);
    expect(started[0]?.vendor.requests.filter(({ method }) => method !== 'GET')).toEqual([]);
  });

  test('sends nothing while something is not mapped', async () => {
    const points = await check('lago', { unmapped: ['check-1'] });
    expect(points).toEqual([
      {
        point: 'what it takes is mapped',
        result: 'fails',
        words: expect.stringContaining('client check-1 has no customer'),
      },
    ]);
    expect(started[0]?.vendor.requests).toEqual([]);
  });
});
