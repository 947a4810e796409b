import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { failureWords } from '../../../cli/executions/executions.ts';
import { historyWords } from '../../../cli/executions/history-words.ts';

const timestamp = new Date('2026-11-17T02:00:00Z');

test('an execution is told in plain words, with why it failed', () => {
  const cause = JSON.stringify({ errorType: 'PackagesParked', errorMessage: '3 packages are parked' });

  const lines = historyWords([
    { id: 1, type: 'ExecutionStarted', timestamp },
    { id: 2, type: 'TaskStateEntered', timestamp, stateEnteredEventDetails: { name: 'Assess' } },
    { id: 3, type: 'LambdaFunctionScheduled', timestamp },
    { id: 4, type: 'ExecutionFailed', timestamp, executionFailedEventDetails: { error: 'PackagesParked', cause } },
    { id: 5, type: 'ExecutionRedriven', timestamp, executionRedrivenEventDetails: { redriveCount: 1 } },
  ]);

  expect(lines.map(({ words }) => words)).toEqual([
    'started',
    'Assess: counts the packages and decides what comes next',
    'failed. PackagesParked: 3 packages are parked',
    'redriven (1)',
  ]);
  expect(lines.map(({ isFailure }) => isFailure)).toEqual([false, false, true, false]);
});

test('a cause that is no JSON is told as it is', () => {
  expect(failureWords({ error: 'StoppedByOperator', cause: 'wrong token' })).toBe('StoppedByOperator: wrong token');
});

test('every state that does something or waits has words', () => {
  const definition = readFileSync(new URL('../../../statemachines/billing-period.asl.yml', import.meta.url), 'utf8');
  const states = [...definition.matchAll(/^( +)(\w+):\n\1 {2}Type: (Task|Map|Wait)$/gm)].map(([, , name, type]) => ({
    name: String(name),
    type: String(type),
  }));

  const untold = states.filter(({ name, type }) => {
    const entered = { id: 1, type: `${type}StateEntered`, timestamp, stateEnteredEventDetails: { name } } as const;
    // The types of events are those of states with a suffix.
    return historyWords([entered as Parameters<typeof historyWords>[0][number]]).length === 0;
  });

  expect(states.map(({ name }) => name)).toEqual(expect.arrayContaining(['PlanAgain', 'TakeTurnAgain', 'TakeTurns']));
  expect(untold).toEqual([]);
});
