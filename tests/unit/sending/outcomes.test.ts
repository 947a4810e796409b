import { describe, expect, test } from '@jest/globals';
import { abandoned, givenUp, released } from '../../../lib/packages/head-changes.ts';
import type { PackageHead } from '../../../lib/packages/package.ts';
import { changedHead } from '../../../lib/packages/transitions.ts';
import { afterSending, afterStatus } from '../../../lib/sending/outcomes.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';

const NOW = Date.parse('2026-11-16T03:00:00Z');
const exchange = { httpStatus: 202, latencyMilliseconds: 80, requestId: 'request-7' };
const LIMITS = {
  attemptsLimit: 3,
  processingDeadlineMilliseconds: 60_000,
  missingAfterMilliseconds: 10_000,
  keyRetentionMilliseconds: 86_400_000,
};

function leased(overrides: Partial<PackageHead> = {}): PackageHead {
  return {
    packageId: '2026-11-H1.acme',
    periodId: '2026-11-H1',
    clientId: 'acme',
    part: 1,
    parts: 1,
    state: 'sending',
    revision: 2,
    submission: 1,
    contentHash: 'c0ffee',
    lastProcessedRevision: 1,
    everSent: true,
    attemptCount: 1,
    attempts: [],
    leaseUntil: NOW + 1_000,
    version: 5,
    ...overrides,
    // A spread of optional fields is a PackageHead again; the compiler takes absent ones for undefined.
  } as PackageHead;
}

const sent = (outcome: Parameters<typeof afterSending>[1], head = leased(), isSuspect = false) =>
  afterSending(head, outcome, '{}', { ...LIMITS, isSuspect }, NOW);

/** What the first failure leaves on a head: no attempt is spent. */
const FAILED_ONCE = { state: 'ready', attemptCount: 0, turnedAway: { times: 1, since: NOW, at: NOW } };

describe('sending', () => {
  test('an acceptance is a submission, with time, status, latency and request id in the history', () => {
    const { change, attempt } = sent({
      kind: 'accepted',
      exchange,
      id: '2026-11-H1.acme',
      status: 'queued',
      replayed: false,
    });
    expect(change).toMatchObject({ state: 'submitted', submittedAt: NOW, leaseUntil: undefined });
    expect(attempt).toEqual({
      at: '2026-11-16T03:00:00.000Z',
      action: 'send',
      revision: 2,
      submission: 1,
      outcome: 'submitted',
      ...exchange,
    });
  });

  test('an API that works at once settles the package with its answer', () => {
    const { change } = sent({ kind: 'accepted', exchange, id: '2026-11-H1.acme', status: 'processed', replayed: true });
    expect(change).toMatchObject({ state: 'processed', lastProcessedRevision: 2 });
  });

  test.each(['time-out', 'connection', 'server-error', 'malformed-answer', 'unexpected-status'] as const)(
    'an unknown outcome (%s) is sent again under the same key',
    (cause) => {
      const { change } = sent({ kind: 'unknown', exchange, cause, reason: 'why' });
      expect(change).toEqual({ ...FAILED_ONCE, mayHaveArrived: true });
    },
  );

  test('a request in flight is sent again under the same key', () => {
    const { change } = sent({ kind: 'in-flight', exchange, retryAfterMilliseconds: undefined, reason: 'busy' });
    expect(change).toEqual({ ...FAILED_ONCE, mayHaveArrived: true });
  });

  test('a throttled or unauthorized request costs no attempt', () => {
    const throttled = sent({ kind: 'throttled', exchange, retryAfterMilliseconds: 1, reason: 'slow down' });
    const refused = sent({ kind: 'credentials-refused', exchange, reason: 'who are you' });
    expect([throttled.change, refused.change]).toEqual([FAILED_ONCE, FAILED_ONCE]);
  });

  test('a failure costs an attempt where others are answered, and none where nobody is', () => {
    const outcome = { kind: 'unknown', exchange, cause: 'server-error', reason: 'HTTP 500' } as const;
    expect(sent(outcome, leased({ attemptCount: 2 })).change.attemptCount).toBe(1);
    expect(sent(outcome, leased({ attemptCount: 2 }), true).change).toMatchObject({
      state: 'ready',
      turnedAway: { times: 1, isSuspect: true },
    });
    expect(sent(outcome, leased({ attemptCount: 2 }), true).change.attemptCount).toBeUndefined();
  });

  test('what nobody is to blame for ends too: after as many failures as attempts, and the deadline', () => {
    const { processingDeadlineMilliseconds: deadline, attemptsLimit } = LIMITS;
    const failing = (times: number, since: number) => leased({ turnedAway: { times, since, at: NOW - 1 } });
    const inFlight = { kind: 'in-flight', exchange, retryAfterMilliseconds: undefined, reason: 'busy' } as const;
    const throttled = { ...inFlight, kind: 'throttled', exchange: { ...exchange, httpStatus: 429 } } as const;

    expect(sent(inFlight, failing(attemptsLimit, NOW - deadline + 1)).change.state).toBe('ready');
    expect(sent(inFlight, failing(attemptsLimit - 2, NOW - deadline)).change.state).toBe('ready');
    expect(sent(inFlight, failing(attemptsLimit - 1, NOW - deadline)).change).toMatchObject({
      state: 'parked',
      reason: '3 requests since 2026-11-16T02:59:00.000Z came to nothing. in-flight: busy',
    });
    expect(sent(throttled, failing(attemptsLimit, NOW - deadline)).change.state).toBe('ready');
  });

  test('an invalid package is rejected with the words of the API', () => {
    const { change } = sent({ kind: 'invalid', exchange, reason: 'HTTP 400: no such client' });
    expect(change).toMatchObject({ state: 'rejected', reason: 'HTTP 400: no such client' });
  });

  test('a key that holds another body parks the package with both hashes', () => {
    const { change } = sent({ kind: 'key-reused', exchange, reason: 'HTTP 422: holds sha-256 abc' });
    expect(change.state).toBe('parked');
    expect(change.reason).toContain('content c0ffee');
    expect(change.reason).toContain('44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a');
    expect(change.reason).toContain('holds sha-256 abc');
  });

  test('spent attempts park the package with the history of reasons', () => {
    const attempts = [
      { at: '', action: 'send', revision: 2, submission: 1, outcome: 'unknown:time-out', reason: 'no answer' } as const,
    ];
    const { change } = sent(
      { kind: 'unknown', exchange, cause: 'server-error', reason: 'HTTP 500' },
      leased({ attemptCount: 3, attempts }),
      true,
    );
    expect(change.state).toBe('parked');
    expect(change.reason).toBe('3 attempts are spent. unknown:time-out (no answer); unknown:server-error: HTTP 500');
  });

  test('a sender that crashed once too often parks the package', () => {
    expect(abandoned(leased({ attemptCount: 3 }), NOW).change).toMatchObject({ state: 'parked' });
  });

  test('a released package begins its attempts anew under the same key', () => {
    const parked = leased({ state: 'parked', attemptCount: 3, reason: 'spent' });
    const { change, attempt } = released(parked, decisionOfPerson('the API was down'), NOW);
    expect(change).toEqual({
      leaseUntil: undefined,
      state: 'ready',
      submission: parked.submission,
      attemptCount: 0,
      reason: undefined,
    });
    expect(attempt).toMatchObject({ action: 'release', reason: 'the API was down' });
  });

  test('what the API rejected is released under the same key, and under a new one when a person says so', () => {
    const { attempt } = sent({ kind: 'invalid', exchange, reason: 'HTTP 400: no such client' });
    const rejected = leased({ state: 'rejected', attemptCount: 1, attempts: [attempt] });
    expect(released(rejected, decisionOfPerson('registered'), NOW).change).toMatchObject({
      state: 'ready',
      submission: 1,
    });
    expect(released(rejected, decisionOfPerson('registered'), NOW, true).change).toMatchObject({
      state: 'ready',
      submission: 2,
    });
  });

  test('what a person gave up is released under the same key, which may have arrived', () => {
    const rejected = changedHead(
      leased({ state: 'parked' }),
      givenUp(leased({ state: 'parked' }), decisionOfPerson('by mistake'), NOW),
    );
    expect(released(rejected, decisionOfPerson('not a test client'), NOW).change).toMatchObject({
      state: 'ready',
      submission: 1,
    });
  });
});

describe('checking', () => {
  const submitted = leased({ state: 'submitted', submittedAt: NOW - 30_000 });
  const checked = (report: Parameters<typeof afterStatus>[1], head = submitted) =>
    afterStatus(head, report, exchange, LIMITS, NOW);

  test('unprocessed is sent again under a new key', () => {
    const report = { id: 'x', status: 'unprocessed', reason: 'queue lost', revision: 2, submission: 1 } as const;
    expect(checked(report)?.change).toMatchObject({ state: 'ready', submission: 2, mayHaveArrived: false });
  });

  test('the API that says unprocessed is given time: seconds, then minutes', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7].map((submission) => {
      const report = { id: 'x', status: 'unprocessed', revision: 2, submission } as const;
      const change = checked(report, { ...submitted, submission })?.change;
      return change?.due === 'send' ? ((change.dueAt ?? 0) - NOW) / 1000 : undefined;
    });
    expect(pauses).toEqual([2, 8, 32, 128, 512, 900, 900]);
  });

  test('what is still worked on stays as it is, and gets a remark after the deadline', () => {
    const report = { id: 'x', status: 'processing', revision: 2, submission: 1 } as const;
    expect(checked(report)).toBeUndefined();
    const overdue = checked(report, { ...submitted, submittedAt: NOW - 60_000 });
    expect(overdue?.change).toMatchObject({ state: 'submitted', remark: expect.stringContaining('deadline') });
    expect(
      checked(report, { ...submitted, ...overdue?.change, submittedAt: NOW - 60_000 } as PackageHead),
    ).toBeUndefined();
  });

  test('what the API does not list is sent again under the same key, once it had time to be listed', () => {
    expect(checked(undefined)?.change).toMatchObject({ state: 'ready' });
    expect(checked(undefined)?.change).not.toHaveProperty('submission');
    expect(checked(undefined, { ...submitted, submittedAt: NOW - 9_999 })).toBeUndefined();
  });

  test('patience with a listing that lags doubles each time', () => {
    const lastMissing = (at: number) => ({ ...submitted, submittedAt: at, missing: { times: 2, sinceSent: 0, at } });
    expect(checked(undefined, lastMissing(NOW - 39_999))).toBeUndefined();
    expect(checked(undefined, lastMissing(NOW - 40_000))?.change.state).toBe('ready');
  });

  test('a report on another revision says nothing of this one', () => {
    expect(checked({ id: 'x', status: 'processed', revision: 1, submission: 1 })?.change.state).toBe('ready');
  });

  test('a report that names no submission counts only where there has been no other', () => {
    const first = { ...submitted, revision: 1 };
    expect(checked({ id: 'x', status: 'rejected' }, first)?.change.state).toBe('rejected');
    for (const head of [submitted, { ...first, submission: 2 }])
      expect(checked({ id: 'x', status: 'unprocessed' }, head)?.change).toMatchObject({
        state: 'submitted',
        remark: expect.stringContaining('not of which submission'),
      });
  });

  test('a revision that was processed is so under any of its submissions', () => {
    const head = { ...submitted, submission: 2 };
    for (const report of [
      { id: 'x', status: 'processed', revision: 2, submission: 1 },
      { id: 'x', status: 'unprocessed', revision: 2, submission: 2, processedRevision: 2 },
    ] as const)
      expect(checked(report, head)?.change.state).toBe('processed');
  });

  test('processed and rejected are final', () => {
    const about = { revision: 2, submission: 1 };
    expect(checked({ id: 'x', status: 'processed', ...about })?.change).toMatchObject({
      state: 'processed',
      lastProcessedRevision: 2,
    });
    expect(checked({ id: 'x', status: 'rejected', reason: 'unknown client', ...about })?.change).toMatchObject({
      state: 'rejected',
      reason: 'unknown client',
    });
  });
});
