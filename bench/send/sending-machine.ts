import { readFileSync } from 'node:fs';
import { StateMachine, type StateMachineDefinition } from 'aws-local-stepfunctions';
import { parse } from 'yaml';
import { assess } from '../../lib/sending/assess.ts';
import { planSends } from '../../lib/sending/plan-sends.ts';
import type { Deciding, SendingWithApi } from '../../lib/sending/sending.ts';
import { takeTurn } from '../../lib/sending/take-turn.ts';

type State = Record<string, unknown>;

/** Task handlers by the name of their state. */
export type TaskHandlers = Record<string, (input: unknown) => Promise<unknown>>;

/** Every Task of the sending half, as its Lambda would run it: input and output pass as JSON. */
export function taskHandlers(sending: SendingWithApi & Deciding): TaskHandlers {
  const asLambda =
    (task: (input: unknown) => Promise<unknown>) =>
    async (input: unknown): Promise<unknown> =>
      JSON.parse(JSON.stringify(await task(JSON.parse(JSON.stringify(input)))));
  const turn = asLambda((input) => takeTurn(input, sending));
  return {
    Assess: asLambda((input) => assess(input, sending)),
    PlanSends: asLambda((input) => planSends(input, sending)),
    TakeTurn: turn,
    TakeTurnAgain: turn,
  };
}

/**
 * The sending half of the real state machine: from the first assessment until there is nothing left to send or wait
 * for.
 */
export function sendingDefinition(): StateMachineDefinition {
  const text = readFileSync(new URL('../../statemachines/billing-period.asl.yml', import.meta.url), 'utf8');
  const machine = parse(text.replaceAll(/\$\{self:[^}]*\}/g, '1'), { logLevel: 'silent' }) as {
    States: Record<string, State>;
  };
  const kept = ['Assess', 'WhatNext', 'PlanSends', 'TakeTurns'];
  const states = Object.fromEntries(Object.entries(machine.States).filter(([name]) => kept.includes(name)));
  states.WhatNext = { ...states.WhatNext, Default: 'NothingLeft' };
  states.NothingLeft = { Type: 'Succeed' };
  // The engine takes any text for a Task's resource; our handlers stand in for all of them.
  return { StartAt: 'Assess', States: withResources(states) } as unknown as StateMachineDefinition;
}

function withResources(states: Record<string, State>): Record<string, State> {
  return Object.fromEntries(
    Object.entries(states).map(([name, state]) => {
      if (state.Type === 'Task')
        return [name, { ...state, Resource: `arn:aws:lambda:eu-central-1:000000000000:function:${name}` }];
      const processor = state.ItemProcessor as { States: Record<string, State> } | undefined;
      if (!processor) return [name, state];
      return [name, { ...state, ItemProcessor: { ...processor, States: withResources(processor.States) } }];
    }),
  );
}

/** What an execution came to. */
export interface MachineRun {
  output: unknown;
  /** States entered, one more for the start of each execution, those of Map items included: what AWS charges. */
  transitions: number;
}

/**
 * Runs a definition on the embedded engine.
 * @throws whatever a handler threw and no Retry cured
 */
export async function runMachine(
  definition: StateMachineDefinition,
  handlers: TaskHandlers,
  input: Record<string, unknown>,
  overrides: { waitTimeOverrides?: Record<string, number>; retryIntervalOverrides?: Record<string, number> } = {},
): Promise<MachineRun> {
  const machine = new StateMachine(definition, { validationOptions: { noValidate: true } });
  const { result, eventLogs } = machine.run(input as never, {
    overrides: { taskResourceLocalHandlers: handlers as never, ...overrides },
  });
  let transitions = 1;
  const counting = (async () => {
    for await (const { type } of eventLogs) {
      if (type === 'StateEntered' || type === 'MapIterationStarted') transitions += 1;
    }
  })();
  const output = await result;
  await counting;
  return { output, transitions };
}
