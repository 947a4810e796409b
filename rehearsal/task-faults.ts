import { setTimeout as delay } from 'node:timers/promises';
import type { TaskInterceptor } from '../local/cloud/state-machines/execution.ts';
import type { Random } from '../local/start/random.ts';
import { drawFault, type TaskFault } from './faults.ts';

/** As Step Functions says it when a function ended without an answer. */
const WITHOUT_ANSWER = {
  error: { errorType: 'Lambda.Unknown', errorMessage: 'The cause could not be determined.' },
} as const;
/** Half an hour: far longer than the run that gave it up may take. */
const GOES_ON_AFTER_SECONDS = { least: 1, most: 1_800 };

/** Stands between the state machine's Tasks and their functions. */
export class TaskFaults {
  /** What goes wrong from now on; nothing when empty. */
  shares: Partial<Record<TaskFault, number>> = {};
  readonly happened = new Map<TaskFault, number>();
  readonly #random: Random;
  readonly #goingOn = new Set<Promise<unknown>>();

  constructor(random: Random) {
    this.#random = random;
  }

  readonly intercept: TaskInterceptor = async (_task, invoke) => {
    const fault = drawFault(this.shares, this.#random);
    if (!fault) return invoke();
    this.happened.set(fault, (this.happened.get(fault) ?? 0) + 1);
    switch (fault) {
      case 'notInvoked':
        return WITHOUT_ANSWER;
      case 'answerLost':
        await invoke();
        return WITHOUT_ANSWER;
      case 'invokedTwice': {
        const [, second] = await Promise.all([invoke(), invoke()]);
        return second;
      }
      case 'goesOn': {
        const going: Promise<unknown> = delay(
          this.#random.integer(GOES_ON_AFTER_SECONDS.least, GOES_ON_AFTER_SECONDS.most) * 1_000,
        )
          .then(invoke)
          .finally(() => this.#goingOn.delete(going));
        this.#goingOn.add(going);
        return WITHOUT_ANSWER;
      }
    }
  };

  /** Waits for what was given up and still works. */
  async settled(): Promise<void> {
    await Promise.all(this.#goingOn);
  }
}
