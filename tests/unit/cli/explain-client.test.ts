import { describe, expect, test } from '@jest/globals';
import { type ClientFacts, explainClient } from '../../../cli/packages/explain-client.ts';
import type { PackageHead } from '../../../lib/packages/package.ts';
import { clientBooks, PERIOD } from '../../fixtures/client-books.ts';

const DAYS = { '2026-11-01': { api_calls: '10' } };

function facts(change: Partial<ClientFacts> = {}): ClientFacts {
  const counted = { events: 2, totals: { api_calls: '10' } };
  return {
    clientId: 'acme',
    period: PERIOD,
    now: Date.parse('2026-11-17T04:00:00Z'),
    periodEndsAt: Date.parse('2026-11-16T00:00:00Z'),
    days: [{ day: '2026-11-01', recorded: counted, counted }],
    slices: 1,
    heads: [],
    openLateEvents: 0,
    ...change,
  };
}

function head(change: Partial<PackageHead>): PackageHead {
  const [made] = clientBooks('acme', [{ days: DAYS, outcome: 'processed' }]).heads;
  if (!made) throw new Error('no head was made');
  return { ...made, ...change };
}

const running = {
  runId: 'run-2',
  status: 'RUNNING',
  startedAt: '2026-11-17T02:00:00Z',
  expectedEndAt: '2026-11-17T05:00:00Z',
};

describe('why is a client not done?', () => {
  test('it is: everything counted is processed', () => {
    const explained = explainClient(facts({ heads: [head({})] }));

    expect(explained).toMatchObject({ isDone: true, needsPerson: false, next: 'Nothing is left to do.' });
  });

  test('nothing was counted', () => {
    expect(explainClient(facts({ days: [], slices: 0 })).headline).toContain('nothing was counted');
  });

  test('the period runs on', () => {
    const explained = explainClient(facts({ now: Date.parse('2026-11-10T00:00:00Z') }));

    expect(explained.headline).toContain('2026-11-H1 runs until 2026-11-15');
    expect(explained.next).toContain('2026-11-16T00:00:00.000Z');
  });

  test('no run has packaged it', () => {
    expect(explainClient(facts()).next).toBe('Start one: npx halfmonth run 2026-11-H1');
  });

  test('it waits for its turn in a run that goes on', () => {
    const explained = explainClient(facts({ heads: [head({ state: 'ready' })], run: running }));

    expect(explained.headline).toContain('waits for its turn');
    expect(explained.next).toContain('run-2 is running and sees to it, done about 2026-11-17T05:00:00Z');
  });

  test('the run that goes on is for other clients', () => {
    const explained = explainClient(
      facts({ heads: [head({ state: 'ready' })], run: { ...running, clients: ['globex'] } }),
    );

    expect(explained.next).toContain('for other clients only');
  });

  test('the run failed', () => {
    const run = { ...running, status: 'FAILED', error: 'InvoiceApiRefusedCredentials: 401' };

    const explained = explainClient(facts({ heads: [head({ state: 'submitted' })], run }));

    expect(explained.next).toBe('Run run-2 failed. When the cause is mended: npx halfmonth redrive run-2');
    expect(explained.details.join('\n')).toContain('InvoiceApiRefusedCredentials: 401');
  });

  test.each([
    ['parked', 'waits for a person: 8 attempts are spent'],
    ['rejected', 'is rejected: 8 attempts are spent'],
  ] as const)('it is %s, which needs a person', (state, words) => {
    const explained = explainClient(facts({ heads: [head({ state, reason: '8 attempts are spent' })] }));

    expect(explained).toMatchObject({ isDone: false, needsPerson: true });
    expect(explained.headline).toContain(words);
  });

  test('the API has it, and its status cannot be read', () => {
    const remark = 'Its status cannot be read: the API says "paid"';
    const odd = explainClient(facts({ heads: [head({ state: 'submitted', remark })] }));
    expect(odd.headline).toMatch(/not done there\. Its status cannot be read: the API says "paid"$/);
    expect(odd.details.join('\n')).toContain(`remark: ${remark}`);

    const failedRead = { at: Date.parse('2026-11-17T03:00:00Z'), reason: 'HTTP 400: ids is unknown' };
    const all = explainClient(facts({ heads: [head({ state: 'submitted' })], failedRead }));
    expect(all.headline).toMatch(/its status could not be read at .*: HTTP 400: ids is unknown$/);
  });

  test('events came after its package was made', () => {
    const recorded = { events: 2, totals: { api_calls: '10' } };
    const counted = { events: 3, totals: { api_calls: '11' } };

    const explained = explainClient(
      facts({ days: [{ day: '2026-11-01', recorded, counted }], heads: [head({})], openLateEvents: 1 }),
    );

    expect(explained.isDone).toBe(false);
    expect(explained.headline).toContain('1 event came after');
    expect(explained.next).toContain('npx halfmonth run 2026-11-H1 --client acme');
  });

  test('one part of several is parked', () => {
    const heads = [head({ parts: 2 }), head({ part: 2, parts: 2, packageId: '2026-11-H1.acme~2', state: 'parked' })];

    expect(explainClient(facts({ heads })).headline).toContain('2026-11-H1.acme~2 is parked');
  });
});
