import { expect, test } from '@jest/globals';
import { readPartialBatchResponse } from '../../../local/cloud/queues/partial-batch-response.ts';

const IDS = new Set(['a', 'b', 'c']);

test.each([['null'], ['{}'], ['""'], ['{"batchItemFailures":[]}'], ['{"batchItemFailures":null}']])(
  '%s means that every message succeeded',
  (payload) => {
    expect(readPartialBatchResponse(payload, IDS)).toEqual({ kind: 'partial', failedMessageIds: new Set() });
  },
);

test('the messages that are named have failed', () => {
  const payload = '{"batchItemFailures":[{"itemIdentifier":"a"},{"itemIdentifier":"c"}]}';

  expect(readPartialBatchResponse(payload, IDS)).toEqual({ kind: 'partial', failedMessageIds: new Set(['a', 'c']) });
});

test.each([
  ['an empty identifier', '{"batchItemFailures":[{"itemIdentifier":""}]}'],
  ['no identifier', '{"batchItemFailures":[{"itemIdentifier":null}]}'],
  ['a misspelt key', '{"batchItemFailures":[{"itemId":"a"}]}'],
  ['an identifier of no message', '{"batchItemFailures":[{"itemIdentifier":"x"}]}'],
  ['no list', '{"batchItemFailures":"a"}'],
  ['a text', '"done"'],
])('%s fails every message', (_what, payload) => {
  expect(readPartialBatchResponse(payload, IDS)).toMatchObject({ kind: 'allFailed' });
});
