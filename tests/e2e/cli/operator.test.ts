import { readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { dailyRecordKey } from '../../../lib/store/keys.ts';
import {
  type CommandLineWorld,
  callOnTerminal,
  hasTerminal,
  startCommandLineWorld,
} from '../../fixtures/command-line.ts';

let world: CommandLineWorld;
let id: string;

/** The control sequence that begins every colour and every live redraw. */
const ESCAPE = '\u001b[';

beforeAll(async () => {
  world = await startCommandLineWorld();
  id = world.period.id;
}, 300_000);

afterAll(() => world?.stop());

// One closing day, from the first event to the correction: each test goes on where the one before it ended.
describe('before the run', () => {
  test('doctor finds all in order and sends nothing', async () => {
    const { checks } = await world.json(['doctor']);

    expect(checks).toEqual(expect.arrayContaining([expect.objectContaining({ check: 'invoice API', state: 'good' })]));
    expect(JSON.stringify(checks)).not.toContain('problem');
    expect(world.api.report().requests.byKind.submit).toBe(0);
  });

  test('send takes NDJSON from standard input, leaves out what is no JSON, and says so', async () => {
    const good = JSON.stringify(world.event('acme', '10.5'));

    const { exitCode, stdout } = await world.halfmonth(['send'], { stdin: `${good}\nno JSON\n` });

    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/1 event on the queue[\s\S]*line 2 not sent/);
  });

  test('send takes CSV with a mapping, and quantities keep every digit', async () => {
    const file = join(world.folder, 'usage.csv');
    const quantity = '0.123456789012';
    writeFileSync(file, `row,customer,at,metric,amount\n1,globex,${world.period.from}T08:00:00Z,storage,${quantity}\n`);
    const map = 'id=row,subject=customer,time=at,meter=metric,quantity=amount';

    const { exitCode } = await world.halfmonth(['send', file, '--map', map, '--source', 'crm']);
    await world.count([world.event('initech', '7'), world.event('hooli', '1')]);
    const { totals } = await world.json(['usage', 'globex', '--from', world.period.from, '--to', world.period.to]);

    expect(exitCode).toBe(0);
    expect(totals).toEqual({ storage: quantity });
  });

  test('send --resume refuses a file that has changed', async () => {
    const file = join(world.folder, 'again.ndjson');
    writeFileSync(file, `${JSON.stringify(world.event('acme', '1', { id: 'again-1' }))}\n`);
    const first = await world.json(['send', file, '--resume']);

    expect(first.files).toEqual([{ file, events: 1, skippedLines: 0, badLines: [] }]);
  });

  test('rejected shows what could not count, and gives it back', async () => {
    await world.count([world.event('acme', 'many')]);

    const { events } = await world.json(['rejected']);
    const again = await world.json(['rejected', '--reason', 'INVALID_QUANTITY']);

    expect(events).toHaveLength(1);
    expect(again.events).toMatchObject([{ reason: 'INVALID_QUANTITY' }]);
  });

  test('rejected --replay sends it to be counted again; what is still wrong comes back', async () => {
    const replay = await world.json(['rejected', '--replay', '--yes']);
    await world.count([]);
    const after = await world.json(['rejected']);

    expect(replay.replayed).toBe(1);
    expect(after.events).toHaveLength(1);
  });

  test('rejected --discard asks, removes what has the reason, and leaves the rest', async () => {
    await world.count([world.event('acme', '1', { time: 'yesterday' })]);

    const unasked = await world.halfmonth(['rejected', '--reason', 'INVALID_TIME', '--discard']);
    const discard = await world.halfmonth(['rejected', '--reason', 'INVALID_TIME', '--discard', '--yes']);
    const after = await world.json(['rejected']);

    expect(unasked.exitCode).toBe(2);
    expect(unasked.stderr).toContain('Discard 1 rejected event for good?');
    expect(discard.exitCode).toBe(0);
    expect(discard.stdout).toContain('1 rejected event discarded.');
    expect(after).toMatchObject({ total: 1, isCut: false, events: [{ reason: 'INVALID_QUANTITY' }] });
  });

  test('explain says that no run has packaged the client', async () => {
    const { exitCode, stdout } = await world.halfmonth(['explain', 'acme', id]);

    expect(exitCode).toBe(0);
    expect(stdout).toContain(`acme has usage in ${id} and no package yet`);
    expect(stdout).toContain(`npx halfmonth run ${id}`);
  });

  test('run --preview writes nothing and says what a run would do', async () => {
    const preview = await world.json(['run', id, '--preview']);
    const { stdout } = await world.halfmonth(['run', id, '--preview']);
    const status = await world.json(['status', id]);

    expect(preview.clients).toHaveLength(4);
    expect(stdout).toMatch(/^sending 4 packages would end about \d{4}-\d\d-\d\dT[\d:.]+Z, started now$/m);
    expect(preview.summary).toMatchObject({ clientsByChange: { new: 4, changed: 0, unchanged: 0 } });
    expect(status).toMatchObject({ run: null, packages: { total: 0 } });
  });

  test('run asks first, and starts nothing where nobody can be asked', async () => {
    const { exitCode, stderr } = await world.halfmonth(['run', id]);

    expect(exitCode).toBe(2);
    expect(stderr).toContain('--yes');
    expect((await world.json(['executions'])).executions).toHaveLength(2);
  });
});

describe('a run that ends with parked packages', () => {
  test('fails, and every command says what to do next', async () => {
    world.api.setFaults({ unprocessed: 1 });

    const { exitCode, stdout } = await world.halfmonth(['run', id, '--follow', '--yes']);

    expect(exitCode).toBe(1);
    expect(stdout).toContain('PackagesParked');
    expect(stdout).not.toContain(ESCAPE);
    const parked = await world.halfmonth(['parked', id]);
    expect(parked.exitCode).toBe(3);
    expect(parked.stdout).toContain(`${id}.acme`);
    const explained = await world.json(['explain', 'acme', id]);
    expect(explained).toMatchObject({ isDone: false, needsPerson: true });
    const listed = await world.json(['packages', id, '--status', 'parked']);
    expect(listed.packages).toHaveLength(4);
  });

  test('execution tells its history in plain words', async () => {
    const { executions } = (await world.json(['executions'])) as { executions: { name: string; status: string }[] };
    const failed = executions.find(({ status }) => status === 'FAILED');

    const { exitCode, stdout } = await world.halfmonth(['execution', failed?.name ?? '']);

    expect(exitCode).toBe(3);
    expect(stdout).toContain('TakeTurns: sends what is ready');
    expect(stdout).toMatch(/failed\. PackagesParked/);
  });

  test('give-up and release keep the reason with the package', async () => {
    world.api.setFaults({ unprocessed: 0 });
    const gaveUp = await world.halfmonth(['parked', 'give-up', `${id}.hooli`, '--reason', 'test client', '--yes']);
    const rest = ['acme', 'globex', 'initech'].map((client) => `${id}.${client}`);
    const released = await world.halfmonth(['parked', 'release', ...rest, '--reason', 'API mended', '--yes']);

    expect([gaveUp.exitCode, released.exitCode]).toEqual([0, 0]);
    const { stdout } = await world.halfmonth(['package', `${id}.hooli`]);
    expect(stdout).toMatch(/rejected: given up: test client/);
    const { head } = (await world.json(['package', `${id}.acme`])) as { head: { attempts: object[] } };
    expect(head.attempts).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          action: 'release',
          reason: 'API mended',
          by: { knownBy: 'local user', name: userInfo().username },
        }),
      ]),
    );
  });

  test('give-up refuses what is not parked, and changes nothing', async () => {
    const { exitCode, stderr } = await world.halfmonth([
      ...['parked', 'give-up', `${id}.hooli`, '--reason', 'again', '--yes'],
    ]);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('is rejected, not parked');
  });

  test('redrive lets the run go on to its certificate', async () => {
    const { executions } = (await world.json(['executions'])) as { executions: { name: string; status: string }[] };
    const failed = executions.find(({ status }) => status === 'FAILED')?.name ?? '';

    const { exitCode } = await world.halfmonth(['redrive', failed, '--yes']);
    let status: Record<string, unknown> = {};
    do status = await world.json(['status', id]);
    while ((status.run as { status: string }).status === 'RUNNING');

    expect(exitCode).toBe(0);
    expect(status).toMatchObject({ run: { status: 'SUCCEEDED' }, packages: { processed: 3, rejected: 1 } });
  });
});

describe('after the run', () => {
  test('certificate balances, is saved, and verifies against tables and API', async () => {
    const file = join(world.folder, 'certificate.json');

    const saved = await world.halfmonth(['certificate', id, '--save', file]);
    const verified = await world.halfmonth(['certificate', id, '--verify', file]);

    expect(saved.stdout).toMatch(/4 = 3 processed \+ 1 rejected \+ 0 parked/);
    expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agrees line by line') });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({
      billed: { rejected: { api_calls: '1' } },
      acknowledgements: { count: 3 },
    });
  });

  test('certificate says who did what by hand, of this period and of none alone', async () => {
    const { certificate } = (await world.json(['certificate', id])) as { certificate: Certificate };
    const { stdout } = await world.halfmonth(['certificate', id]);

    const kinds = certificate.interventions?.map(({ kind, count }) => `${kind} ${count}`);
    expect(kinds).toEqual(['replay 1', 'discard 1', 'run 1', 'give-up 1', 'release 3', 'redrive 1']);
    expect(stdout).toContain(`release of 3, among them ${id}.acme by local user ${userInfo().username}: API mended`);
  });

  test('certificate --verify names the line that a tampered copy changes', async () => {
    const file = join(world.folder, 'tampered.json');
    const { certificate } = await world.json(['certificate', id]);
    const text = JSON.stringify(certificate).replace('"18.5"', '"19.5"');
    writeFileSync(file, text);

    const { exitCode, stdout } = await world.halfmonth(['certificate', id, '--verify', file]);

    expect(text).toContain('19.5');
    expect(exitCode).toBe(3);
    expect(stdout).toContain('hash of the certificate');
  });

  test('reconcile finds the books in agreement', async () => {
    const { exitCode, stdout } = await world.halfmonth(['reconcile', id]);

    expect(stdout).toContain('The books agree: 4 packages here');
    expect(exitCode).toBe(0);
  });

  test('reconcile names what the API lists twice', async () => {
    world.api.setFaults({ duplicateIds: 1 });

    const { exitCode, stdout } = await world.halfmonth(['reconcile', id]);
    const verified = await world.halfmonth(['certificate', id, '--verify']);
    world.api.setFaults({ duplicateIds: 0 });

    expect(exitCode).toBe(3);
    expect(stdout).toMatch(/the API lists it twice/);
    expect(verified.exitCode).toBe(3);
    expect(verified.stdout).toContain("the invoice API's entries for");
  });

  test('late usage is listed, explained, and corrected by a run for that client', async () => {
    await world.count([world.event('acme', '2.25')]);
    const late = await world.json(['late', id, '--open']);
    const explained = await world.halfmonth(['explain', 'acme', id]);
    const run = await world.json(['run', id, '--client', 'acme', '--follow', '--yes']);

    expect(late.notYetBilled).toEqual({ events: 1, totals: { api_calls: '2.25' } });
    expect(explained.stdout).toContain('1 event came after its package was made');
    expect(run.summary).toMatchObject({ difference: { api_calls: '2.25' } });
    expect(await world.json(['explain', 'acme', id])).toMatchObject({ isDone: true });
    const { certificate } = (await world.json(['certificate', id])) as { certificate: Record<string, unknown> };
    expect(certificate).toMatchObject({
      run: { clients: ['acme'] },
      lateUsage: { before: { api_calls: '2.25' }, after: { events: 0 } },
      previous: { periodId: id },
    });
    expect(await world.halfmonth(['certificate', id, '--verify'])).toMatchObject({ exitCode: 0 });
  });

  test('export writes days and packages for a spreadsheet', async () => {
    const csv = await world.halfmonth(['export', id]);
    const packages = await world.halfmonth(['export', id, '--of', 'packages', '--output', 'jsonl']);

    expect(csv.stdout.split('\r\n')[0]).toBe('period,client,day,meter,quantity,events');
    expect(csv.stdout).toContain(`${id},globex,${world.period.from},storage,0.123456789012,1\r\n`);
    const rows = packages.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows).toContainEqual(expect.objectContaining({ client: 'acme', revision: 2, state: 'processed' }));
  });

  test('quota draws the calendar, and status sums the period up', async () => {
    const quota = await world.halfmonth(['quota']);
    const status = await world.halfmonth(['status', id]);

    expect(quota.stdout).toMatch(/send and status in 1 s +\S+ \d+ of 100 used/);
    expect(status.stdout).toMatch(/processed +3/);
    expect(status.stderr).toContain('Using the local cloud');
  });

  test('stop refuses an execution that has ended', async () => {
    const { executions } = (await world.json(['executions'])) as { executions: { name: string }[] };

    const { exitCode, stderr } = await world.halfmonth(['stop', executions[0]?.name ?? '', '--yes']);

    expect(exitCode).toBe(1);
    expect(stderr).toContain('there is nothing to stop');
  });

  test('certificate --verify finds a tampered daily record', async () => {
    await world.documents.send(
      new UpdateCommand({
        TableName: String(world.cloud.outputs.DailyRecordsTableName),
        Key: dailyRecordKey('acme', world.period.from),
        UpdateExpression: 'SET totals.api_calls = :quantity',
        ExpressionAttributeValues: { ':quantity': '99' },
      }),
    );

    const { exitCode, stdout } = await world.halfmonth(['certificate', id, '--verify']);

    expect(exitCode).toBe(3);
    expect(stdout).toContain('disagrees: daily records, api_calls');
  });
});

const onTerminal = hasTerminal() ? describe : describe.skip;

onTerminal('on a terminal', () => {
  test('status has colours, and in a pipe it has none', async () => {
    const shown = await callOnTerminal(['status', id], world.folder);
    const piped = await world.halfmonth(['status', id]);

    expect(shown.stdout).toContain(ESCAPE);
    expect(piped.stdout).not.toContain(ESCAPE);
  });

  test('run asks, and takes no for an answer', async () => {
    const { exitCode, stdout } = await callOnTerminal(['run', id], world.folder, 'n\n');

    expect(stdout).toContain(`Close ${id} for every client?`);
    expect(stdout).toContain('Nothing was done.');
    expect(exitCode).toBe(1);
  });

  test('run --follow redraws its lines until the run ends', async () => {
    await world.count([world.event('globex', '5')]);

    const { stdout } = await callOnTerminal(['run', id, '--client', 'globex', '--follow', '--yes'], world.folder);

    expect(stdout).toContain('quota');
    expect(stdout).toContain('Ctrl-C ends the watching');
    // Lines are taken back before they are drawn again.
    expect(stdout).toContain(`${ESCAPE}2K`);
    expect(stdout).toContain('certified: ');
  });

  test('send shows a bar over the file, and takes it away in the end', async () => {
    const file = join(world.folder, 'more.ndjson');
    writeFileSync(file, Array.from({ length: 60 }, () => JSON.stringify(world.event('acme', '1'))).join('\n'));

    const { exitCode, stdout } = await callOnTerminal(['send', file, '--rate', '40'], world.folder);

    expect(exitCode).toBe(0);
    const shares = [...stdout.matchAll(/[█░]{30} (\d+)%/g)].map(([, share]) => Number(share));
    expect(shares.some((share) => share > 0 && share < 100)).toBe(true);
    expect(stdout).toMatch(/\d+ events sent, [\d,]+\/s/);
    // The cursor is shown again at the very end.
    const lastLine = stdout.replaceAll('\x1b[?25h', '').trimEnd().split('\n').at(-1);
    expect(lastLine).toContain(`${file}: 60 events on the queue`);
  });

  test('send from standard input shows a rate, for nobody knows how much will come', async () => {
    const events = Array.from({ length: 8 }, () => `${JSON.stringify(world.event('acme', '1'))}\n`).join('');
    const endOfInput = '\u0004';

    const { exitCode, stdout } = await callOnTerminal(
      ['send', '/dev/stdin', '--rate', '8'],
      world.folder,
      events + endOfInput,
    );

    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/⠋|⠙|⠹|⠸/);
    expect(stdout).toMatch(/4 events sent, [\d,]+\/s/);
    expect(stdout).not.toMatch(/[█░]{30}/);
  });
});

test('in a pipe send says how far it is in plain lines', async () => {
  const file = join(world.folder, 'plain.ndjson');
  writeFileSync(file, Array.from({ length: 13 }, () => JSON.stringify(world.event('acme', '1'))).join('\n'));

  const { exitCode, stdout, stderr } = await world.halfmonth(['send', file, '--rate', '2']);

  expect(stderr).toMatch(/plain\.ndjson: \d+%, \d+ events sent, \d+\/s, \d+ s left/);
  expect(stdout).toBe(`${file}: 13 events on the queue\n`);
  expect(stdout + stderr).not.toContain(ESCAPE);
  expect(exitCode).toBe(0);
});
