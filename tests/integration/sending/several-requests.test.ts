import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { InvoiceApi, SubmitOutcome, SubmitRequest } from '../../../lib/invoice-api/invoice-api.ts';
import { periodOf } from '../../../lib/periods/periods.ts';
import { PackageStore } from '../../../lib/store/package-store.ts';
import { TEST_PERIOD } from '../../fixtures/invoice-api.ts';
import { makePackage, runSending, sendingOn } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const exchange = { httpStatus: 200, latencyMilliseconds: 5 };

/** An API that wants three requests for one submission, and says nothing useful to some of them. */
function threeStepApi(faults: readonly number[] = []): { api: InvoiceApi; asked: SubmitRequest[] } {
  const asked: SubmitRequest[] = [];
  const facts = {
    requestsPerSubmission: 3,
    idsPerRead: 100,
    namesSubmission: true,
    keyRetentionMilliseconds: 86_400_000,
  };
  const submit = async (request: SubmitRequest): Promise<SubmitOutcome> => {
    asked.push(request);
    if (faults.includes(asked.length)) return { kind: 'unknown', exchange, cause: 'time-out', reason: 'no answer' };
    const done = Number(request.progress?.done ?? 0);
    if (done < 2) return { kind: 'stepped', exchange, progress: { done: done + 1 } };
    return { kind: 'accepted', exchange, id: JSON.parse(request.body).packageId, status: 'processed', replayed: false };
  };
  const listed = { kind: 'listed' as const, exchange, packages: [] };
  const api = {
    facts,
    submit,
    statusOf: async () => listed,
    listPeriod: async () => ({ ...listed, nextCursor: undefined }),
  };
  return { api, asked };
}

describe('a submission of several requests', () => {
  let tables: TestTables;
  beforeEach(async () => {
    tables = await startTestTables();
  });
  afterEach(() => tables.stop());
  const head = async (clientId = 'acme') => {
    const found = await new PackageStore(tables).loadHead(periodOf(TEST_PERIOD).id, clientId, 1);
    if (!found) throw new Error('no head');
    return found;
  };

  test('goes on with what the step before answered, and leaves nothing of it when done', async () => {
    await makePackage(tables, 'acme');
    const { api, asked } = threeStepApi();
    await runSending(sendingOn(tables, api));
    expect(asked.map(({ progress }) => progress)).toEqual([undefined, { done: 1 }, { done: 2 }]);
    expect(await head()).toMatchObject({ state: 'processed', attemptCount: 1 });
    expect(await head()).not.toHaveProperty('progress');
  });

  test('a step that was lost is asked for again alone, with the time when its key was first used', async () => {
    await makePackage(tables, 'acme');
    const { api, asked } = threeStepApi([2]);
    await runSending(sendingOn(tables, api));
    expect(asked.map(({ progress }) => progress)).toEqual([undefined, { done: 1 }, { done: 1 }, { done: 2 }]);
    expect(asked[0]).not.toHaveProperty('firstSentAt');
    expect(asked[2]?.firstSentAt).toBeLessThanOrEqual(Date.now());
    expect(await head()).toMatchObject({ state: 'processed' });
  });

  test('each step has a departure of its own in the quota', async () => {
    for (const clientId of ['one', 'two']) await makePackage(tables, clientId);
    const { api, asked } = threeStepApi();
    const sending = sendingOn(tables, api, { quota: { send: [{ requests: 3, seconds: 2 }], status: [], shared: [] } });
    const startedAt = Date.now();
    await runSending(sending);
    expect(asked).toHaveLength(6);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000);
  });

  test('what is missing on our side parks the package before anything leaves, and the others go out', async () => {
    for (const clientId of ['mapped', 'unmapped']) await makePackage(tables, clientId);
    const { api, asked } = threeStepApi();
    const obstacle = async ({ body }: { body: string }) =>
      body.includes('unmapped') ? 'the client unmapped has no customer' : undefined;
    await runSending(sendingOn(tables, { ...api, obstacle })).catch(() => {});
    expect(asked).toHaveLength(3);
    expect(await head('mapped')).toMatchObject({ state: 'processed' });
    expect(await head('unmapped')).toMatchObject({
      state: 'parked',
      everSent: false,
      reason: 'the client unmapped has no customer',
    });
  });

  test('an adapter that looks up by itself is asked to submit again, however old the key, and its refusal is final', async () => {
    const twoDaysAgo = Date.now() - 48 * 3600 * 1000;
    const old = { everSent: true, mayHaveArrived: true, firstSentAt: twoDaysAgo };
    for (const clientId of ['late', 'refused']) await makePackage(tables, clientId, old);
    const { api, asked } = threeStepApi();
    const neverAsked = async () => {
      throw new Error('no status is asked for here');
    };
    const submit: InvoiceApi['submit'] = async (request) =>
      request.body.includes('refused')
        ? { kind: 'invalid', exchange, reason: 'no such customer' }
        : api.submit(request);
    const looking = { ...api, submit, statusOf: neverAsked, facts: { ...api.facts, looksUp: true } };
    await runSending(sendingOn(tables, looking));
    expect(asked[0]?.firstSentAt).toBe(twoDaysAgo);
    expect(await head('late')).toMatchObject({ state: 'processed' });
    expect(await head('refused')).toMatchObject({ state: 'rejected', reason: 'no such customer' });
  });
});
