import { expect, test } from '@jest/globals';
import type { PackageHead } from '../../../lib/packages/package.ts';
import type { Transition } from '../../../lib/packages/transitions.ts';
import { takeTurn } from '../../../lib/sending/take-turn.ts';
import { PackageTransitions } from '../../../lib/store/package-store.ts';
import { startDrivenSending } from '../../fixtures/driven-sending.ts';
import { testRun } from '../../fixtures/sending.ts';

/** Writes that take their time, the first of each kind: in milliseconds, on the sender's clock. */
class SlowTransitions extends PackageTransitions {
  readonly #delays: Map<Transition['name'], number>;
  readonly #passes: (milliseconds: number) => Promise<unknown>;

  constructor(
    tables: ConstructorParameters<typeof PackageTransitions>[0],
    delays: Map<Transition['name'], number>,
    passes: (milliseconds: number) => Promise<unknown>,
  ) {
    super(tables);
    this.#delays = delays;
    this.#passes = passes;
  }

  override async apply(head: PackageHead, transition: Transition): Promise<PackageHead | undefined> {
    const delay = this.#delays.get(transition.name);
    this.#delays.delete(transition.name);
    if (transition.name !== 'lease') await this.#passes(delay ?? 0);
    const applied = await super.apply(head, transition);
    if (transition.name === 'lease') await this.#passes(delay ?? 0);
    return applied;
  }
}

test('nothing leaves after the end of a turn that passed while a lease was renewed', async () => {
  const submitted: string[] = [];
  const world = await startDrivenSending(
    60,
    {
      submitted({ packageId }, reply) {
        submitted.push(packageId);
        reply(202, { id: packageId, status: 'processed' });
      },
    },
    { maximumConcurrency: 1, requestTimeoutMilliseconds: 2_000 },
  );
  try {
    const { sending, tables } = world;
    // A lease is 64 s and a turn of 60 packages 91 s: the lease is nearly over, and its renewal outlasts the turn.
    const delays = new Map<Transition['name'], number>([
      ['lease', 62_500],
      ['hold', 120_000],
    ]);
    sending.transitions = new SlowTransitions(tables, delays, sending.clock.sleep);

    const state = await takeTurn({ run: testRun(), chunk: '0-15' }, sending);

    expect(delays.size).toBe(0);
    expect(submitted).toEqual([]);
    expect(state).toMatchObject({ done: false, settled: 0 });
    expect(await world.drive(24)).toBe('done');
    expect(new Set(submitted).size).toBe(60);
    expect(submitted).toHaveLength(60);
  } finally {
    await world.stop();
  }
});
