import { afterEach, expect, test } from '@jest/globals';
import {
  type AccessToken,
  type AccessTokenKeeper,
  clientCredentials,
} from '../../../lib/invoice-api/adapters/client-credentials.ts';
import { AccessTokenClaim } from '../../../lib/store/access-token-store.ts';
import { startIdentityService } from '../../fixtures/identity-service.ts';
import { startTestTables } from '../../fixtures/tables.ts';

const started: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of started.splice(0)) await each.stop();
});

/** Five senders, each with a keeper of its own over what all share. */
async function fiveSenders(answers?: readonly number[]) {
  const tables = await startTestTables();
  const server = await startIdentityService(answers);
  started.push(server, tables);
  let kept: AccessToken | undefined;
  const claim = new AccessTokenClaim(tables);
  const keeper: AccessTokenKeeper = {
    load: async () => kept,
    save: async (token) => {
      kept = token;
    },
    claim: (milliseconds) => claim.claim(milliseconds),
  };
  const authentication = { kind: 'client-credentials' as const, tokenUrl: `${server.url}/connect/token` };
  const senders = Array.from({ length: 5 }, () => clientCredentials(authentication, async () => 'id:secret', keeper));
  return { senders, server };
}

test('of all who need a token at once, one asks, and all get it', async () => {
  const { senders, server } = await fiveSenders();
  const given = await Promise.all(senders.map((provide) => provide(undefined)));
  expect(new Set(given)).toEqual(new Set(['Bearer token-1']));
  expect(server.asked()).toBe(1);
});

test('an identity service that fails for a moment is asked again', async () => {
  const { senders, server } = await fiveSenders([500]);
  expect(await senders[0]?.(undefined)).toBe('Bearer token-2');
  expect(server.asked()).toBe(2);
});

test('a secret that is refused is told without quoting it', async () => {
  const { senders } = await fiveSenders([400, 400]);
  const failure = await senders[0]?.(undefined).catch((error: Error) => error.message);
  expect(failure).toContain('refused our client id and secret');
  expect(failure).not.toContain('id:secret');
});
