import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CommandLineWorld, startCommandLineWorld } from '../../fixtures/command-line.ts';

let world: CommandLineWorld;

beforeAll(async () => {
  world = await startCommandLineWorld();
}, 300_000);

afterAll(() => world?.stop());

test('duplicates and rejected events that counting saw are in the certificate of the period they are of', async () => {
  const { id } = world.period;
  const events = ['acme', 'acme', 'globex'].map((subject) => world.event(subject, '1.5'));
  const rejected = [
    world.event('acme', 'many'),
    world.event('acme', '1', { subject: undefined }),
    // Nobody can read when it was: it is of the period in which it came.
    world.event('acme', '1', { time: 'yesterday' }),
  ];
  await world.count(events);

  // A producer that tries again sends all once more, and one of them twice.
  await world.count([...events, ...events.slice(0, 1), ...rejected]);
  const run = await world.halfmonth(['run', id, '--follow', '--yes']);
  const { certificate } = (await world.json(['certificate', id])) as { certificate: object };
  const shown = await world.halfmonth(['certificate', id]);
  const verified = await world.halfmonth(['certificate', id, '--verify']);
  const { events: kept } = await world.json(['rejected']);

  expect(run.exitCode).toBe(0);
  expect(certificate).toMatchObject({
    usage: { days: { events: 3, totals: { api_calls: '4.5' } }, observed: { duplicates: 4, rejected: 2 } },
  });
  expect(shown.stdout).toMatch(/not counted +at least 4 duplicates and 2 rejected/);
  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agrees line by line') });
  expect(kept).toHaveLength(3);
});

test('what is observed after the close is in the next certificate, and changes no earlier one', async () => {
  const { id } = world.period;
  const file = join(world.folder, 'first.json');
  await world.halfmonth(['certificate', id, '--save', file]);
  const again = world.event('hooli', '2');
  writeFileSync(join(world.folder, 'late.ndjson'), `${JSON.stringify(again)}\n${JSON.stringify(again)}\n`);
  await world.halfmonth(['send', 'late.ndjson']);
  await world.count([]);

  const run = await world.halfmonth(['run', id, '--follow', '--yes']);
  const { certificate } = (await world.json(['certificate', id])) as { certificate: object };
  const first = await world.halfmonth(['certificate', id, '--verify', file]);

  expect(run.exitCode).toBe(0);
  expect(certificate).toMatchObject({ usage: { days: { events: 4 }, observed: { duplicates: 5, rejected: 2 } } });
  expect(first).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agrees line by line') });
});
