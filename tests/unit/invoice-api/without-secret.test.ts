import { expect, test } from '@jest/globals';
import { withoutSecret } from '../../../lib/invoice-api/authorized-caller.ts';

const TOKEN = 'k3y+of/the=owner';

test('no echo of the token is left, however many there are, however deep, plain or as in an address', () => {
  const encoded = encodeURIComponent(TOKEN);
  const answer = {
    reason: `bad token ${TOKEN}; expected another than ${TOKEN}, not ${TOKEN}`,
    packages: [{ id: `p-${TOKEN}`, link: `https://example.com/?t=${encoded}&again=${encoded}` }],
    status: 401,
    nothing: null,
  };

  const text = JSON.stringify(withoutSecret(answer, TOKEN));

  expect(text).not.toContain(TOKEN);
  expect(text).not.toContain(encoded);
  expect(text.match(/\[token\]/g)).toHaveLength(6);
  expect(withoutSecret(answer, TOKEN)).toMatchObject({ status: 401, nothing: null });
});

test('what is too short for a secret is left: its letters stand in every text', () => {
  expect(withoutSecret('a word', 'word')).toBe('a word');
});
