import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pLimit from 'p-limit';
import { allStates, packagedStateMachine } from '../../fixtures/state-machine.ts';
import { BillingWorld, type Consumption } from './billing-world.ts';
import { type DisturbedRun, runDisturbed } from './disturbed-run.ts';
import { booksOf, certificatesOf, readTables, type Tables } from './period-books.ts';
import { chainedScenarios, isMet, type Scenario, singleScenarios, type Target } from './scenarios.ts';

const FIRST_CONSUMPTION: Consumption = [
  { clientId: 'acme', day: 1, meter: 'api_calls', quantity: '12' },
  { clientId: 'acme', day: 1, meter: 'storage_gb_hours', quantity: '0.000001' },
  { clientId: 'acme', day: 15, meter: 'api_calls', quantity: '30' },
  { clientId: 'billing+7@example.com', day: 2, meter: 'egress_gb', quantity: '123456789012345678.123456789012' },
  { clientId: 'org/9/site=1|eu', day: 2, meter: 'compute_seconds', quantity: '-40' },
  { clientId: 'org/9/site=1|eu', day: 3, meter: 'compute_seconds', quantity: '100.5' },
  { clientId: 'tenant:4', day: 8, meter: 'api_calls', quantity: '1' },
];
/** Late usage: one day changed, one day more, one taken back whole, one client that had nothing before. */
const LATE_CONSUMPTION: Consumption = [
  { clientId: 'acme', day: 15, meter: 'api_calls', quantity: '0.5' },
  { clientId: 'org/9/site=1|eu', day: 4, meter: 'compute_seconds', quantity: '7' },
  { clientId: 'tenant:4', day: 8, meter: 'api_calls', quantity: '-1' },
  { clientId: 'new-client', day: 5, meter: 'api_calls', quantity: '9' },
];
/** Runs at one time; more of them would mostly wait for one another's turns in the quota calendar. */
const RUNS_AT_ONCE = 3;

const machine = await packagedStateMachine('local');
const tasks = allStates(machine).filter(([, state]) => isMet(state));
const chains = [
  ...chainedScenarios(machine, 'run anew', 'after'),
  ...chainedScenarios(machine, 'stopped', 'before'),
  ...chainedScenarios(machine, 'repeated', 'after'),
  ...chainedScenarios(machine, 'intruded upon', 'after'),
];
const closings = [
  ...chains,
  ...chainedScenarios(machine, 'redriven', 'before'),
  ...singleScenarios(machine, 'redriven', 'after'),
];
/** They correct what the scenarios above have closed, each the period of the one at its own place. */
const corrections = [
  ...chainedScenarios(machine, 'redriven', 'before'),
  ...chainedScenarios(machine, 'redriven', 'after'),
  ...chainedScenarios(machine, 'run anew', 'after'),
];

/** A half month for each scenario, and two for runs that nothing disturbs. */
const UNDISTURBED = periodIdOf(0);
const CONTROL = periodIdOf(1);
const periodOf = (index: number) => periodIdOf(index + 2);
const periodsOf = (scenarios: readonly Scenario[]) => [
  UNDISTURBED,
  CONTROL,
  ...scenarios.map((_, index) => periodOf(index)),
];

/** The runs of all scenarios, and the tables when all of them had ended. */
interface Round {
  tables: Tables;
  runs: DisturbedRun[];
}

let world: BillingWorld;
let closed: Round;
let corrected: Round;
beforeAll(async () => {
  world = await BillingWorld.start();
  await world.count(periodsOf(closings), FIRST_CONSUMPTION);
  closed = await runAll('close', closings);
  await world.count(periodsOf(corrections), LATE_CONSUMPTION);
  corrected = await runAll('correct', corrections);
}, 300_000);
afterAll(() => world?.stop());

test('every Task of the machine is in the way of every mishap', () => {
  for (const mishap of ['redriven', 'run anew', 'stopped', 'repeated', 'intruded upon']) {
    const met = closings.filter((scenario) => scenario.mishap === mishap).flatMap(({ targets }) => targets);
    expect(new Set(met.map(({ task }) => task))).toEqual(new Set(tasks.map(([task]) => task)));
  }
});

describe('a run that closes its period', () => {
  describeRound(closings, () => closed, { certificatesBefore: () => 0 });
});

describe('a run that corrects what was billed', () => {
  describeRound(corrections, () => corrected, {
    certificatesBefore: (periodId) => certificatesOf(closed.tables, periodId).length,
  });
});

test('the API took no revision twice, no key with two bodies, and no request over its quota', () => {
  const { acceptedTwice, keysReused, violations } = world.api.report();
  expect({ acceptedTwice, keysReused, violations }).toEqual({ acceptedTwice: 0, keysReused: 0, violations: 0 });
});

function describeRound(
  scenarios: readonly Scenario[],
  round: () => Round,
  { certificatesBefore }: { certificatesBefore: (periodId: string) => number },
): void {
  test('two runs that nothing disturbs agree', () => {
    const { tables } = round();
    const books = booksOf(tables, UNDISTURBED);
    expect(books.period).toEqual({ isClosed: true, isFinished: true });
    expect(books.packages.length).toBeGreaterThan(3);
    expect(booksOf(tables, CONTROL)).toEqual(books);
    expect(certificatesOf(tables, CONTROL)).toEqual(certificatesOf(tables, UNDISTURBED));
  });

  describe.each(scenarios.map((scenario, index) => ({ ...scenario, index })))('$title', ({ index, ...scenario }) => {
    test.each(scenario.targets)('$task', (target) => {
      expect(round().runs[index]?.mishaps[target.task]).toMatchObject(expectedEnd(scenario, target, periodOf(index)));
    });

    test('the run goes on to its end, and the books are as if nothing had happened', () => {
      const { tables, runs } = round();
      const periodId = periodOf(index);
      expect(runs[index]?.ends.map(({ status, cause }) => ({ status, cause }))).toEqual(
        runs[index]?.ends.map(() => ({ status: 'SUCCEEDED' })),
      );
      expect(booksOf(tables, periodId)).toEqual(booksOf(tables, UNDISTURBED));
      const certificates = certificatesOf(tables, periodId).slice(certificatesBefore(periodId));
      const undisturbed = certificatesOf(tables, UNDISTURBED).at(-1);
      expect(certificates).not.toEqual([]);
      for (const certificate of certificates) expect(certificate).toEqual(undisturbed);
    });
  });
}

/** How the execution ended to which something happened at a Task. */
function expectedEnd({ mishap, moment }: Scenario, { task, errorType, isLast }: Target, periodId: string) {
  if (mishap === 'stopped') return { status: 'ABORTED' };
  if (mishap === 'repeated') return { status: 'SUCCEEDED' };
  if (mishap !== 'intruded upon') {
    return { status: 'FAILED', error: errorType, cause: expect.stringContaining(`${moment} the effect of ${task}`) };
  }
  // When the last Task has had its effect, the period is free, and another run finds nothing to do.
  if (isLast) return { status: 'SUCCEEDED' };
  return {
    status: 'FAILED',
    error: 'PeriodLocked',
    cause: expect.stringMatching(`by run (close|correct)-${periodId} `),
  };
}

async function runAll(name: string, scenarios: readonly Scenario[]): Promise<Round> {
  const limit = pLimit(RUNS_AT_ONCE);
  const undisturbed = [UNDISTURBED, CONTROL].map((periodId) =>
    limit(async () => world.end(await world.start(`${name}-${periodId}`, periodId))),
  );
  const disturbed = scenarios.map((scenario, index) => {
    const periodId = periodOf(index);
    return limit(() => runDisturbed(world, scenario, periodId, `${name}-${periodId}`));
  });
  for (const { status, cause } of await Promise.all(undisturbed)) {
    if (status !== 'SUCCEEDED') throw new Error(`a run that nothing disturbed ended ${status}: ${cause}`);
  }
  return { runs: await Promise.all(disturbed), tables: await readTables(world) };
}

/** The first half of a month, the latest first; all of them have ended long ago. */
function periodIdOf(index: number): string {
  const month = 2025 * 12 + 11 - index;
  return `${Math.floor(month / 12)}-${String((month % 12) + 1).padStart(2, '0')}-H1`;
}
