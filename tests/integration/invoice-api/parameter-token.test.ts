import { afterEach, describe, expect, test } from '@jest/globals';
import { parameterToken } from '../../../lib/invoice-api/parameter-token.ts';
import { parameterStoreApi } from '../../../local/cloud/aws-api/parameter-store-api.ts';
import { LOCAL_CLIENT, startJsonService } from '../../fixtures/json-service.ts';

let tests = 0;
let stop: (() => void) | undefined;

afterEach(() => stop?.());

/** A Parameter Store, and a token in a parameter that no other test has: the cache is the process's. */
async function arrange(value?: string) {
  const name = `/halfmonth/test-${++tests}/invoice-api-token`;
  const parameters: Record<string, string> = value === undefined ? {} : { [name]: value };
  const store = parameterStoreApi(parameters, LOCAL_CLIENT.region);
  const state = { reads: 0, isDown: false };
  const server = await startJsonService({
    GetParameters(input) {
      state.reads++;
      if (state.isDown) throw new Error('not now');
      return store.GetParameters?.(input);
    },
  });
  stop = server.stop;
  const token = parameterToken(name, { ...LOCAL_CLIENT, endpoint: server.endpoint });
  return {
    name,
    state,
    token,
    rotateTo: (next: string) => store.PutParameter?.({ Name: name, Value: next, Overwrite: true }),
  };
}

describe('the token from Parameter Store', () => {
  test('is read when it is first wanted, not when the function is loaded, and then kept', async () => {
    const { state, token } = await arrange('first-token-0000');
    expect(state.reads).toBe(0);
    expect(await token.provide(undefined)).toBe('first-token-0000');
    expect(await token.provide(undefined)).toBe('first-token-0000');
    expect(state.reads).toBe(1);
  });

  test('is under way as soon as an invocation begins', async () => {
    const { state, token } = await arrange('first-token-0000');
    // The middleware touches nothing else of a request.
    const request = { internal: {} } as Parameters<NonNullable<typeof token.middleware.before>>[0];
    await token.middleware.before?.(request);
    expect(await token.provide(undefined)).toBe('first-token-0000');
    expect(state.reads).toBe(1);
  });

  test('is read anew when the API refuses it, once for all requests that were refused together', async () => {
    const { state, token, rotateTo } = await arrange('old-token-000000');
    await token.provide(undefined);
    rotateTo('new-token-000000');
    const renewed = await Promise.all([1, 2, 3].map(() => token.provide('old-token-000000')));
    expect(renewed).toEqual(['new-token-000000', 'new-token-000000', 'new-token-000000']);
    expect(await token.provide('old-token-000000')).toBe('new-token-000000');
    expect(state.reads).toBe(2);
  });

  test('is read again after Parameter Store could not be reached, whose error keeps its name', async () => {
    const { state, token } = await arrange('first-token-0000');
    state.isDown = true;
    await expect(token.provide(undefined)).rejects.toMatchObject({ name: 'InternalServerError' });
    state.isDown = false;
    expect(await token.provide(undefined)).toBe('first-token-0000');
  });

  test.each([
    ['missing', undefined, 'There is no SSM parameter'],
    ['empty', ' ', 'is empty'],
  ])('says which parameter is %s', async (_, value, fault) => {
    const { name, token } = await arrange(value);
    const asked = token.provide(undefined);
    await expect(asked).rejects.toThrow(fault);
    await expect(asked).rejects.toThrow(name);
    await expect(asked).rejects.toMatchObject({ name: 'InvoiceApiMisconfigured' });
  });

  test('comes to be known after it was missing, without a deploy', async () => {
    const { token, rotateTo } = await arrange();
    await expect(token.provide(undefined)).rejects.toThrow('There is no SSM parameter');
    rotateTo('first-token-0000');
    expect(await token.provide(undefined)).toBe('first-token-0000');
  });
});
