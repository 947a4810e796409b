import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { problemText, saidBy } from '../../../lib/invoice-api/problem-text.ts';

test.each([
  [
    'Stripe',
    { error: { type: 'invalid_request_error', code: 'resource_missing', message: 'No such customer' } },
    'No such customer',
  ],
  [
    'Chargebee',
    { message: 'customer_id : not found', type: 'invalid_request', api_error_code: 'x' },
    'customer_id : not found',
  ],
  [
    'Xero',
    {
      ErrorNumber: 10,
      Type: 'V',
      Message: 'A fault',
      Elements: [{ ValidationErrors: [{ Message: 'Account 200 is archived' }] }],
    },
    'A fault; Account 200 is archived',
  ],
  [
    'QuickBooks',
    {
      Fault: { Error: [{ Message: 'Object Not Found', Detail: 'Customer 58', code: '610' }], type: 'ValidationFault' },
    },
    'Object Not Found; Customer 58',
  ],
  [
    'Lago',
    { status: 422, error: 'Unprocessable', code: 'validation_errors', error_details: { customer: ['not_found'] } },
    'Unprocessable; customer: not_found',
  ],
  [
    'FastAPI',
    { detail: [{ loc: ['body', 'lines', 0], msg: 'unknown meter', type: 'value_error' }] },
    'body/lines/0: unknown meter',
  ],
  [
    'problem+json',
    { type: 'about:blank', title: 'Bad', detail: 'Worse', errors: [{ pointer: '/a', detail: 'is wrong' }] },
    'Bad; Worse; /a: is wrong',
  ],
  ['JSON that says nothing', { ok: false }, '{"ok":false}'],
])('%s: the sentences, in one line', (_what, body, said) => {
  expect(saidBy(JSON.stringify(body))).toBe(said);
});

test('control characters and turned writing reach nobody, and nothing is longer than 2,000 characters', () => {
  expect(saidBy('red\u001b[31m \u202egnp.exe\r\nnext')).toBe('red [31m gnp.exe next');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.string().map((text) => `<html>${text}`),
      ),
      (text) => {
        const reason = problemText(text, 400);
        expect(reason).not.toMatch(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        expect(reason.length).toBeLessThanOrEqual(2_000);
      },
    ),
  );
});
