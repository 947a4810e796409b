import type { State, StateGraph } from '../../fixtures/state-machine.ts';

/**
 * What befalls a run at a Task.
 * - `redriven`: the Task fails, the execution is redriven;
 * - `run anew`: the Task fails and a new execution gets the same input; in the end somebody redrives the failed ones as
 *   well;
 * - `stopped`: the execution is stopped while the Task is under way and a new execution gets the same input; the
 *   function of the stopped one does its work while the new execution is at the same Task;
 * - `repeated`: the Task fails after its effect and is tried again with the very same input, as its Retry does and as
 *   AWS does with the failed child of a Distributed Map;
 * - `intruded upon`: a new execution gets the same input while the first one runs.
 */
export type Mishap = 'redriven' | 'run anew' | 'stopped' | 'repeated' | 'intruded upon';

/** Whether it befalls the run when the Task's function has not run yet, or when it has and its answer is lost. */
export type Moment = 'before' | 'after';

/** A Task at which something happens. */
export interface Target {
  task: string;
  /** The error that the Task fails with. */
  errorType: string;
  /** Whether the run is over, and its period free, once the Task's effect is there. */
  isLast: boolean;
}

/** One period and what befalls its run, at one Task or at several, one after the other. */
export interface Scenario {
  title: string;
  mishap: Mishap;
  moment: Moment;
  targets: Target[];
}

/** What Step Functions reports when a function's environment dies. */
const LOST_FUNCTION = 'Lambda.Unknown';

/** Every Task by itself, each in a period of its own. */
export function singleScenarios(machine: StateGraph, mishap: Mishap, moment: Moment): Scenario[] {
  return targetsOf(machine, mishap).map((target) => ({
    title: `${mishap} ${moment} ${target.task}`,
    mishap,
    moment,
    targets: [target],
  }));
}

/**
 * All Tasks in two periods. Neighbours are in different ones: when one of two Tasks that send has had its effect, a new
 * execution finds nothing left to do for the other.
 */
export function chainedScenarios(machine: StateGraph, mishap: Mishap, moment: Moment): Scenario[] {
  const targets = targetsOf(machine, mishap);
  return [0, 1].map((parity) => ({
    title: `${mishap} ${moment} each of the ${parity === 0 ? 'first, third, fifth ...' : 'second, fourth ...'} Tasks`,
    mishap,
    moment,
    targets: targets.filter((_, index) => index % 2 === parity),
  }));
}

function targetsOf(machine: StateGraph, mishap: Mishap): Target[] {
  return tasksInOrder(machine).map(([task, state]) => ({
    task,
    errorType: mishap === 'repeated' ? LOST_FUNCTION : unretriedErrorOf(task, state),
    isLast: machine.States[task]?.End === true,
  }));
}

/** A run without a gate comes to every Task but the one that waits for a person, which the gate's own tests disturb. */
export function isMet({ Type, Resource }: State): boolean {
  return Type === 'Task' && !JSON.stringify(Resource ?? '').includes('waitForTaskToken');
}

/** The Tasks, those of the children of Maps too, in the order in which a run comes to them. */
function tasksInOrder(graph: StateGraph): [task: string, state: State][] {
  const seen = new Set<string>();
  const visit = (name: string): [string, State][] => {
    const state = graph.States[name];
    if (!state || seen.has(name)) return [];
    seen.add(name);
    const own: [string, State][] = isMet(state) ? [[name, state]] : [];
    const children = state.ItemProcessor ? tasksInOrder(state.ItemProcessor) : [];
    const next = [state.Next, ...(state.Choices ?? []).map((choice) => choice.Next), state.Default];
    return [...own, ...children, ...next.flatMap((successor) => visit(successor ?? ''))];
  };
  return visit(graph.StartAt);
}

/** An error that the Task's Retry lets through at once, so that no test has to wait for its attempts to be spent. */
function unretriedErrorOf(task: string, { Retry = [] }: State): string {
  if (Retry.length === 0) return LOST_FUNCTION;
  const error = Retry.find(({ MaxAttempts }) => MaxAttempts === 0)?.ErrorEquals[0];
  if (error === undefined) throw new Error(`${task} retries every error: name one here that it does not`);
  return error;
}
