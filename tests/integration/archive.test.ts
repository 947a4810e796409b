import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ArchiveBucket } from '../../lib/archive/archive-bucket.ts';
import { archiveKeyOf } from '../../lib/archive/archive-key.ts';
import { type ArchiveLine, readArchiveLine } from '../../lib/archive/archive-line.ts';
import { linesOfObject } from '../../lib/archive/archive-object.ts';
import { findEvidence } from '../../lib/archive/client-evidence.ts';
import { EvidenceArchive } from '../../lib/archive/evidence-archive.ts';
import { archivedPeriods, forgetClient } from '../../lib/archive/forget-client.ts';
import { DecimalSum } from '../../lib/decimal/decimal.ts';
import type { ConsumptionEvent } from '../../lib/events/consumption-event.ts';
import { hexOfIdentity, identityOf } from '../../lib/events/identity.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { evidenceOfPeriod } from '../../lib/runs/period-evidence.ts';
import { ArchiveManifest, type ManifestEntry } from '../../lib/store/archive-manifest.ts';
import { ControlTotalStore, readControlTotal, readControlTotals } from '../../lib/store/control-total-store.ts';
import { bucketOf } from '../../lib/store/keys.ts';
import type { UsageCounter } from '../../lib/usage/usage-counter.ts';
import { type SqsEngine, startSqsEngine } from '../../local/engines/sqs-engine.ts';
import { namedEvent } from '../fixtures/consumption-events.ts';
import { createCounter, readStoredUsage, UTC_CALENDAR } from '../fixtures/counting.ts';
import { LOCAL_CREDENTIALS, startTestTables, type TestTables } from '../fixtures/tables.ts';

const REGION = 'eu-central-1';
const BUCKET = 'archive';
const METERS = ['api_calls', 'egress_gb'];

let tables: TestTables;
let engine: SqsEngine;
let s3: S3Client;

beforeAll(async () => {
  tables = await startTestTables();
  engine = await startSqsEngine({ region: REGION });
  engine.ensureBucket(BUCKET);
  s3 = clientOf();
});

afterAll(async () => {
  s3.destroy();
  await engine.stop();
  await tables.stop();
});

function clientOf(): S3Client {
  return new S3Client({ endpoint: engine.endpoint, region: REGION, credentials: LOCAL_CREDENTIALS, maxAttempts: 1 });
}

/** What becomes of a request to S3. */
type Fault = 'refused' | 'answer lost' | 'no answer';

/** One instance of the counting function with an archive. */
class Instance {
  readonly name: string;
  readonly counter: UsageCounter;
  readonly #faults: (Fault | undefined)[];

  constructor(faults: readonly (Fault | undefined)[] = [], pendingBytes?: number) {
    this.#faults = [...faults];
    const control = new ControlTotalStore(tables);
    this.name = control.instance;
    const evidence = new EvidenceArchive({
      s3: this.#client(),
      bucket: BUCKET,
      manifest: new ArchiveManifest(tables, 400),
      instance: control.instance,
      // Only a request that is never answered waits for so long.
      waitMilliseconds: faults.includes('no answer') ? 300 : 20_000,
      ...(pendingBytes === undefined ? {} : { pendingBytes }),
    });
    this.counter = createCounter(tables, { control, evidence, now: () => Date.parse('2020-01-01T00:00:00Z') });
  }

  async count(events: readonly ConsumptionEvent[]) {
    const outcome = await this.counter.count(events.map((event, message) => ({ event, message })));
    expect(outcome.failures).toEqual([]);
    return outcome;
  }

  #client(): S3Client {
    const client = clientOf();
    client.middlewareStack.add(
      (next) => async (args) => {
        const fault = this.#faults.shift();
        if (fault === 'no answer') return new Promise<never>(() => {});
        if (fault === 'refused') throw new Error('refused');
        const answer = await next(args);
        if (fault === 'answer lost') throw new Error('the answer was lost');
        return answer;
      },
      { step: 'initialize' },
    );
    return client;
  }
}

let made = 0;
function eventOf(period: PeriodId, fields: Partial<ConsumptionEvent> = {}): ConsumptionEvent {
  made += 1;
  const instant = Date.parse(`${period.slice(0, 7)}-${period.endsWith('1') ? '03' : '20'}T10:00:00Z`);
  const named = namedEvent('/archive-test', String(made));
  return { ...named, clientId: 'acme', instant, meter: 'api_calls', quantity: '1', ...fields };
}

async function lines(period: PeriodId): Promise<ArchiveLine[]> {
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket: BUCKET, Prefix: `${period}/` }));
  const objects = await Promise.all(Contents.map(({ Key }) => bytesOf(String(Key))));
  return (await Promise.all(objects.map(linesOfObject))).flat();
}

async function bytesOf(key: string, range?: string): Promise<Uint8Array> {
  const { Body } = await s3.send(
    new GetObjectCommand({ Bucket: BUCKET, Key: key, ...(range ? { Range: range } : {}) }),
  );
  return (await Body?.transformToByteArray()) ?? new Uint8Array();
}

function accountOf(period: PeriodId) {
  const controlTotals = (id: PeriodId) => readControlTotals(tables, id);
  return evidenceOfPeriod(period, METERS, { manifest: new ArchiveManifest(tables), controlTotals });
}

async function entriesOf(period: PeriodId): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for await (const entry of new ArchiveManifest(tables).entries(period)) entries.push(entry);
  return entries;
}

describe('a counted batch', () => {
  test('is one object a period, which says of each event what became of it', async () => {
    const [first, second, other] = [
      eventOf('2021-03-H1'),
      eventOf('2021-03-H1', { clientId: 'globex' }),
      eventOf('2021-03-H2'),
    ];
    const instance = new Instance();

    const outcome = await instance.count([first, second, { ...first, quantity: '7' }, other]);

    expect(outcome).toMatchObject({ counted: 3, duplicates: 1, withoutEvidence: 0 });
    expect(await lines('2021-03-H2')).toMatchObject([{ as: 'counted', id: other.origin.id }]);
    expect(await lines('2021-03-H1')).toEqual(
      expect.arrayContaining([
        {
          as: 'counted',
          source: '/archive-test',
          id: first.origin.id,
          subject: 'acme',
          time: '2021-03-03T10:00:00.000Z',
          meter: 'api_calls',
          quantity: '1',
        },
        expect.objectContaining({ as: 'counted', subject: 'globex' }),
        expect.objectContaining({ as: 'duplicate', id: first.origin.id, quantity: '7' }),
      ]),
    );
    expect(await accountOf('2021-03-H1')).toMatchObject({
      objects: 1,
      counted: 2,
      duplicates: 1,
      withoutEvidence: { events: 0, sums: [] },
    });
  });

  test('has the events of a bucket of clients in a part of the object that can be fetched alone', async () => {
    const clients = ['acme', 'globex', 'initech', 'umbrella', 'hooli'];
    const instance = new Instance();
    await instance.count(clients.map((clientId) => eventOf('2021-04-H1', { clientId })));
    const [entry] = await entriesOf('2021-04-H1');
    const [start = 0, end = 0] = entry?.members.get(bucketOf('initech')) ?? [];

    const part = await bytesOf(
      archiveKeyOf({ periodId: '2021-04-H1', instance: instance.name, sequence: 1 }),
      `bytes=${start}-${end - 1}`,
    );

    const expected = clients.filter((clientId) => bucketOf(clientId) === bucketOf('initech'));
    expect((await linesOfObject(part)).map(({ subject }) => subject)).toEqual(expected);
  });
});

describe('S3 that cannot be reached', () => {
  test('keeps no event from being counted, is told, and gets the batch with the next one', async () => {
    const period = '2021-05-H1';
    const instance = new Instance(['no answer']);

    const first = await instance.count([eventOf(period), eventOf(period, { meter: 'egress_gb', quantity: '0.5' })]);
    expect(first).toMatchObject({ counted: 2, withoutEvidence: 2 });
    expect((await accountOf(period)).withoutEvidence).toEqual({
      events: 2,
      sums: expect.arrayContaining([
        { meters: ['api_calls'], quantity: '1' },
        { meters: ['egress_gb'], quantity: '0.5' },
      ]),
    });

    const second = await instance.count([eventOf(period)]);
    expect(second).toMatchObject({ counted: 1, withoutEvidence: 0 });
    expect(await accountOf(period)).toMatchObject({ objects: 2, counted: 3, withoutEvidence: { events: 0, sums: [] } });
  });

  test('is forgotten about what an instance cannot remember, and the account goes on naming it', async () => {
    const period = '2021-06-H1';
    const instance = new Instance(['refused'], 1);

    await instance.count([eventOf(period, { quantity: '3' })]);
    await instance.count([eventOf(period)]);

    expect((await accountOf(period)).withoutEvidence).toEqual({
      events: 1,
      sums: [{ meters: ['api_calls'], quantity: '3' }],
    });
  });
});

test('an instance that dies between counting and archiving leaves the evidence to the delivery that follows', async () => {
  const period = '2021-07-H1';
  const event = eventOf(period, { quantity: '5' });
  // Its control total says unsure, its object was never made.
  await createCounter(tables, { control: { put: async () => {} } }).count([{ event, message: 0 }]);

  const outcome = await new Instance().count([event]);

  expect(outcome).toMatchObject({ counted: 0, duplicates: 1 });
  expect(await lines(period)).toMatchObject([{ as: 'duplicate', quantity: '5' }]);
});

/** A batch, what becomes of its object, and whether the same messages come again to another instance. */
const batches = fc.array(
  fc.record({
    events: fc.array(fc.record({ number: fc.nat(30), quantity: fc.constantFrom('1', '-2', '0.25') }), {
      minLength: 1,
      maxLength: 12,
    }),
    fault: fc.option(fc.constantFrom<Fault>('refused', 'answer lost'), { nil: undefined }),
    isNewInstance: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

test('whatever becomes of objects, what is archived and what is named as missing is what was counted', async () => {
  let number = 0;
  await fc.assert(
    fc.asyncProperty(batches, async (history) => {
      number += 1;
      const period: PeriodId = `20${String(30 + number)}-01-H1`;
      let instance = new Instance();
      for (const { events, fault, isNewInstance } of history) {
        if (isNewInstance || fault) instance = new Instance([fault]);
        await instance.count(
          events.map(({ number: id, quantity }) =>
            eventOf(period, {
              ...namedEvent(`/history-${number}`, String(id)),
              clientId: `history-${number}`,
              quantity,
            }),
          ),
        );
      }

      const account = await accountOf(period);
      const control = await readControlTotal(tables, period);
      const archived = (await lines(period)).filter(({ as }) => as === 'counted');
      const usage = await readStoredUsage(tables.client, tables.usageSlices);
      const sum = new DecimalSum();
      for (const { quantity } of archived) sum.add(quantity);
      const listed = account.withoutEvidence.sums.reduce(
        (total, { quantity }) => total.add(quantity),
        new DecimalSum(),
      );

      expect(account.counted + account.withoutEvidence.events).toBe(control.events);
      // An object whose answer was lost is there, and not listed: whatever is listed is there.
      expect(archived.length).toBeGreaterThanOrEqual(account.counted);
      const manifested = (await entriesOf(period)).flatMap(({ groups }) => [...groups.values()]);
      const total = manifested.reduce((all, quantity) => all.add(quantity), listed);
      expect(total.toString()).toBe(usage.totals[`history-${number}`]?.api_calls);
      const counted = [...usage.identities]
        .filter(([, [slice]]) => slice?.startsWith(`history-${number}#`))
        .map(([hex]) => hex);
      const proven = archived.map(({ source, id }) => hexOfIdentity(identityOf(source, id)));
      expect(counted).toEqual(expect.arrayContaining(proven));
      expect(new Set(proven).size).toBe(proven.length);
    }),
    { numRuns: 8 },
  );
});

test('a line that says no event is refused', () => {
  expect(() => readArchiveLine('{"as":"counted"}')).toThrow(SyntaxError);
  expect(() => readArchiveLine('[]')).toThrow(SyntaxError);
});

describe('a client that is forgotten', () => {
  const bucket = () => new ArchiveBucket({ s3, bucket: BUCKET });
  const manifest = () => new ArchiveManifest(tables);
  const forget = async (clientId: string, period: PeriodId, now = Date.now()) => {
    const objects = (await archivedPeriods(bucket())).get(period) ?? [];
    return forgetClient(clientId, period, objects, { bucket: bucket(), manifest: manifest(), now: () => now });
  };
  const evidenceOf = (clientId: string, period: PeriodId) =>
    findEvidence(clientId, period, {
      bucket: bucket(),
      manifest: manifest(),
      calendar: UTC_CALENDAR,
      identities: new Map(),
    });
  /** Another client of the same bucket: its lines stand in the same part of an object. */
  const neighbour = ['globex', ...Array.from({ length: 200 }, (_, number) => `client-${number}`)].find(
    (clientId) => bucketOf(clientId) === bucketOf('acme'),
  );

  test('has no line left, while others keep theirs, and sums, counts and digest stay', async () => {
    const period = '2021-08-H1';
    const instance = new Instance();
    await instance.count([
      eventOf(period),
      eventOf(period, { clientId: String(neighbour), quantity: '4' }),
      eventOf(period),
    ]);
    await instance.count([eventOf(period, { clientId: 'globex' })]);
    const before = await accountOf(period);

    expect(await forget('acme', period)).toEqual({ lines: 2, objects: 1, tooNew: 0 });

    expect((await lines(period)).map(({ subject }) => subject).sort()).toEqual([String(neighbour), 'globex'].sort());
    expect((await evidenceOf('acme', period)).events).toEqual([]);
    expect(await evidenceOf(String(neighbour), period)).toMatchObject({ events: [{ quantity: '4' }], objectsGone: 0 });
    expect(await accountOf(period)).toEqual(before);
    expect(await forget('acme', period)).toEqual({ lines: 0, objects: 0, tooNew: 0 });
  });

  test('is not left in an object that the manifest never came to list, once counting cannot list it any more', async () => {
    const period = '2021-09-H1';
    await new Instance(['answer lost'], 1).count([eventOf(period)]);

    expect(await forget('acme', period)).toEqual({ lines: 0, objects: 0, tooNew: 1 });
    expect(await forget('acme', period, Date.now() + 2 * 3_600_000)).toEqual({ lines: 1, objects: 1, tooNew: 0 });
    expect(await lines(period)).toEqual([]);
  });
});
