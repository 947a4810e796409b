import { describe, expect, test } from '@jest/globals';
import { adaptedInvoiceApi } from '../../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import { authorizationOf } from '../../../lib/invoice-api/adapters/authorization.ts';
import stripe from '../../../lib/invoice-api/adapters/stripe/stripe.ts';

const keeper = { load: async () => undefined, save: async () => {}, claim: async () => true };

function apiAt(baseUrl: string) {
  const adapter = stripe.create(
    stripe.settings.parse({ currency: 'eur', finalize: true, autoAdvance: false, meters: {} }),
  );
  return adaptedInvoiceApi(adapter, {
    baseUrl,
    customers: { customerOf: async () => undefined },
    authorization: async () => 'Bearer secret',
    timeoutMilliseconds: 1_000,
    maximumConnections: 1,
  });
}

describe('an adapter sends no secret', () => {
  test.each([
    ['http://api.stripe.com', /travel in clear/],
    ['https://user:secret@api.stripe.com', /carries credentials/],
    ['https://api.stripe.com?key=1', /carries a query/],
    ['ftp://api.stripe.com', /begins with ftp:/],
    ['api.stripe.com', /is not a URL/],
  ])('to %s', (baseUrl, reason) => {
    expect(() => apiAt(baseUrl)).toThrow(reason);
  });

  test('to a place for access tokens that is not encrypted', () => {
    const clear = { kind: 'client-credentials', tokenUrl: 'http://identity.example.com/token' } as const;
    expect(() => authorizationOf(clear, 'https://api.example.com', async () => 'id:secret', keeper)).toThrow(
      /access tokens are asked for begins with http:/,
    );
  });
});

test('this machine may be spoken to in clear', () => {
  expect(() => apiAt('http://127.0.0.1:1/base/').close()).not.toThrow();
});
