import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { approved, refused, released } from '../../../lib/packages/head-changes.ts';
import { awaitApproval } from '../../../lib/runs/await-approval.ts';
import type { Notification } from '../../../lib/runs/notifications.ts';
import { assess } from '../../../lib/sending/assess.ts';
import { ApprovalStore } from '../../../lib/store/approval-store.ts';
import { PackageTransitions } from '../../../lib/store/package-store.ts';
import { decisionOfPerson } from '../../fixtures/decisions.ts';
import { PackagingWorld } from '../../fixtures/packaging.ts';
import { sendingOn } from '../../fixtures/sending.ts';
import { startTestTables, type TestTables } from '../../fixtures/tables.ts';

const PERIOD = '2026-11-H1';
let tables: TestTables;
let world: PackagingWorld;

beforeEach(async () => {
  tables = await startTestTables();
  world = new PackagingWorld(tables);
});
afterEach(() => tables.stop());

const use = (clientId: string, day: string, calls: string, slice = 0) =>
  world.putSlice({ clientId, day, slice, totals: { calls } });

/** Two closed half months in which `ada` and `bob` used 10 calls each, and `eve` in the latter alone. */
async function history(): Promise<void> {
  for (const day of ['2026-10-10', '2026-10-20']) for (const client of ['ada', 'bob']) await use(client, day, '10');
  await use('eve', '2026-10-20', '10');
  for (const period of ['2026-10-H1', '2026-10-H2']) await world.close({ period }, () => world.processAll(period));
}

const standing = async (periodId = PERIOD) =>
  Object.fromEntries((await world.heads(periodId)).map(({ clientId, state }) => [clientId, state]));

async function headOf(clientId: string) {
  const head = await world.packages.loadHead(PERIOD, clientId, 1);
  if (!head) throw new Error(`${clientId} has no package`);
  return head;
}

describe('with variance', () => {
  beforeEach(() => {
    world.gate = { mode: 'variance', periods: 6 };
  });

  test('what is unlike its own past is held with the reason, and the rest may be sent', async () => {
    await history();
    await use('ada', '2026-11-03', '12');
    await use('bob', '2026-11-03', '900');
    await use('new', '2026-11-03', '1');
    await world.putSlice({ clientId: 'eve', day: '2026-11-03', totals: { calls: '10', gb: '1' } });

    await world.package();

    expect(await standing()).toEqual({ ada: 'ready', bob: 'held', new: 'held', eve: 'held' });
    expect((await headOf('bob')).reason).toBe('calls 900 is above what is usual (5 to 15)');
    expect((await headOf('new')).reason).toBe('the client is new');
    expect((await headOf('eve')).reason).toBe('gb 1 is a meter that the client never had');
  });

  test('the very first period has nothing to be unlike', async () => {
    await use('ada', '2026-11-03', '12');

    await world.package();

    expect(await standing()).toEqual({ ada: 'ready' });
  });

  test('a package that waits unseen is looked at anew when its usage changes, whether it was held or not', async () => {
    await history();
    await use('ada', '2026-11-03', '12');
    await use('bob', '2026-11-03', '900');
    const run = await world.package();
    await use('ada', '2026-11-04', '900');
    await use('bob', '2026-11-04', '-890');

    await world.processChunks(run, { purpose: 'package', round: 1, chunks: [1], planned: true });

    expect(await standing()).toEqual({ ada: 'held', bob: 'ready' });
    expect((await headOf('bob')).reason).toBeUndefined();
  });

  test('late usage goes through the same gate: a correction that makes a client unlike its past is held', async () => {
    await history();
    await use('ada', '2026-11-03', '10');
    await world.close();
    await use('ada', '2026-11-04', '900', 3);

    await world.package({ period: PERIOD });

    expect(await headOf('ada')).toMatchObject({ state: 'held', revision: 2, lastProcessedRevision: 1 });
  });

  test('a run whose state machine waits for nobody holds nothing', async () => {
    await history();
    await use('bob', '2026-11-03', '900');
    world.canHold = false;

    await world.package();

    expect(await standing()).toEqual({ bob: 'ready' });
  });
});

describe('what is held', () => {
  beforeEach(async () => {
    world.gate = { mode: 'always', periods: 6 };
    await use('ada', '2026-11-03', '12');
    await use('bob', '2026-11-03', '13');
  });

  const decide = async (clientId: string, change: typeof approved) => {
    const head = await headOf(clientId);
    await new PackageTransitions(tables).apply(head, change(head, decisionOfPerson('looked at it'), world.now));
  };
  const assessed = (run: Awaited<ReturnType<PackagingWorld['package']>>) => {
    // Nothing is sent here: an API that is asked would be a fault of the test.
    return assess({ run }, sendingOn(tables, undefined as never));
  };

  test('is all of it where everything waits, and the run asks once nothing else is left to do', async () => {
    const run = await world.package();

    expect(await standing()).toEqual({ ada: 'held', bob: 'held' });
    expect(await assessed(run)).toMatchObject({ next: 'approve', decisions: 0, counts: { held: 2 } });
    await decide('ada', approved);
    expect(await assessed(run)).toMatchObject({ next: 'send', counts: { held: 1, ready: 1 } });
  });

  test('is approved into what is sent, or refused into what is not billed until somebody recalls it', async () => {
    await world.package();
    await decide('ada', approved);
    await decide('bob', refused);

    expect((await headOf('ada')).attempts).toMatchObject([
      { action: 'approve', outcome: 'ready', reason: 'looked at it', by: { knownBy: 'aws' } },
    ]);
    expect(await headOf('bob')).toMatchObject({ state: 'rejected', everSent: false });
    await decide('bob', released);
    expect(await standing()).toEqual({ ada: 'ready', bob: 'held' });
  });

  test('is certified as rejected where it was refused', async () => {
    const summary = await world.close({}, async () => {
      await decide('ada', approved);
      await decide('bob', refused);
      const head = await headOf('ada');
      await world.move(head, { state: 'processed', everSent: true, lastProcessedRevision: 1 });
    });

    expect(summary).toMatchObject({
      packages: { processed: 1, rejected: 1 },
      rejected: { packages: 1, totals: { calls: '13' } },
    });
  });

  test('wakes the run at once when somebody decides between the count and the question', async () => {
    const run = await world.package();
    const approvals = new ApprovalStore(tables);
    const { decisions = 0 } = await assessed(run);
    const woken: string[] = [];
    const told: Notification[] = [];
    const ask = (taskToken: string, known: number) =>
      awaitApproval(
        { run, taskToken, held: 2, decisions: known },
        {
          runs: world.runs,
          approvals,
          notifications: { notify: async (notification) => void told.push(notification) },
          wake: async (token) => void woken.push(token),
          now: () => world.now,
        },
      );
    const before = await approvals.decided(PERIOD);

    await ask('one', decisions);
    await ask('two', 1);

    expect(before).toBeUndefined();
    expect(woken).toEqual(['one']);
    expect(told).toEqual([{ type: 'Approval Awaited', detail: { periodId: PERIOD, runId: run.runId, held: 2 } }]);
    expect(await approvals.decided(PERIOD)).toMatchObject({ taskToken: 'two', runId: run.runId });
  });
});
