import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Certificate, CertificateContent } from '../../../lib/certificate/certificate.ts';
import { seal } from '../../../lib/certificate/seal.ts';
import { CertificateStore } from '../../../lib/store/certificate-store.ts';
import { certificateOf } from '../../fixtures/certificates.ts';
import { scan } from '../../fixtures/counting.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

let tables: TestTables;
let store: CertificateStore;
beforeAll(async () => {
  tables = await startTestTables();
  store = new CertificateStore(tables);
});
afterAll(() => tables.stop());

/** Client ids as no compression makes them shorter. */
const keysOf = (count: number): string[] =>
  Array.from({ length: count }, () => `2026-11-H1.${randomBytes(96).toString('base64').replaceAll('/', '.')}.r1.s1`);

async function keptOf(runId: string): Promise<{ chunk: number; step: number; count: number; digest: string }[]> {
  const lists = [];
  for await (const { keys: _keys, ...list } of store.acknowledgements(runId)) lists.push(list);
  return lists;
}

function certificateOfRun(runId: string, run: Partial<Certificate['run']>, periodId = '2026-11-H1'): Certificate {
  const { hash: _hash, ...content } = certificateOf([]);
  return seal({
    ...content,
    run: { ...content.run, id: runId, ...run },
    period: { ...content.period, id: periodId },
  } satisfies CertificateContent);
}

test('the acknowledgements of 20,000 clients with the longest of ids are kept', async () => {
  const keys = keysOf(20_000);

  const list = await store.saveAcknowledgements('long-ids', 1, 0, keys, true);

  expect(list).toMatchObject({ count: 20_000 });
  expect(await keptOf('long-ids')).toEqual([list]);
});

test('an attempt with fewer steps leaves nothing of a longer one, however much that is', async () => {
  const steps = Array.from({ length: 10 }, (_, step) => step);
  for (const step of steps) await store.saveAcknowledgements('steps', 1, step, keysOf(2_000), false);
  const neighbour = await store.saveAcknowledgements('steps', 2, 0, keysOf(1), true);

  const list = await store.saveAcknowledgements('steps', 1, 0, keysOf(10), true);

  expect(await keptOf('steps')).toEqual([list, neighbour]);
});

test('a certificate of more meters than an item can name is kept and read back', async () => {
  const { hash: _hash, ...content } = certificateOfRun('many-meters', {}, '2026-12-H1');
  const totals = Object.fromEntries(
    Array.from({ length: 20_000 }, () => [randomBytes(32).toString('hex'), '123456789012345678.123456789012']),
  );
  const certificate = seal({ ...content, usage: { ...content.usage, days: { events: 1, totals } } });

  await store.put(certificate);

  expect(await store.load('2026-12-H1', certificate.run.startedAt, 'many-meters')).toEqual(certificate);
  expect((await store.list('2026-12-H1')).map(({ hash }) => hash)).toEqual([certificate.hash]);
});

test('more certificates than one answer holds are all listed', async () => {
  const meters = Object.fromEntries(Array.from({ length: 6_000 }, (_, meter) => [`meter-number-${meter}`, '1']));
  const hashes = [];
  for (const number of [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]) {
    const at = `2026-06-17T0${Math.floor(number / 10)}:0${number % 10}:00.000Z`;
    const { hash: _hash, ...content } = certificateOfRun(
      `run-${number}`,
      { startedAt: at, certifiedAt: at },
      '2026-06-H1',
    );
    const certificate = seal({ ...content, usage: { ...content.usage, days: { events: 1, totals: meters } } });
    await store.put(certificate);
    hashes.unshift(certificate.hash);
  }

  expect((await store.list('2026-06-H1')).map(({ hash }) => hash)).toEqual(hashes);
});

test('the chain follows the order in which certificates were made, also past a run that was redriven later', async () => {
  const redriven = certificateOfRun(
    'redriven',
    { startedAt: '2026-07-17T02:00:00.000Z', certifiedAt: '2026-07-17T09:00:00.000Z' },
    '2026-07-H1',
  );
  const between = certificateOfRun(
    'between',
    { startedAt: '2026-07-17T05:00:00.000Z', certifiedAt: '2026-07-17T06:00:00.000Z' },
    '2026-07-H1',
  );
  await store.put(between);
  await store.put(redriven);

  expect((await store.before('2026-07-H1', 'next'))?.run.id).toBe('redriven');
  expect((await store.before('2026-07-H2', 'first-of-next-period'))?.run.id).toBe('redriven');
  expect((await store.list('2026-07-H1', 1)).map(({ run }) => run.id)).toEqual(['redriven']);
});

test('links are taken once: of two certificates made for the same place one is told to make itself anew', async () => {
  const linked = (runId: string, number: number): Certificate => {
    const { hash: _hash, ...content } = certificateOfRun(runId, {}, '2026-08-H1');
    return seal({ ...content, number } satisfies CertificateContent);
  };

  const [first, second] = await Promise.all([store.put(linked('one', 1)), store.put(linked('other', 1))]);
  const winner = first ?? second;
  const again = await store.put(linked('third', 2));

  expect([first, second].filter((each) => each === undefined)).toHaveLength(1);
  expect((await store.list('2026-08-H1')).map(({ run }) => run.id).sort()).toEqual([winner?.run.id, 'third'].sort());
  expect(again?.number).toBe(2);
  expect(await store.lastLink()).toMatchObject({ number: 2, runId: 'third', hash: again?.hash });
});

test('no item of all this is near the limit of an item', async () => {
  const largest = (await scan(tables.client, tables.runs)).map(
    ({ keys, compressed, certificate }) => (keys ?? compressed)?.B?.length ?? certificate?.S?.length ?? 0,
  );

  expect(Math.max(...largest)).toBeLessThan(310_000);
});
