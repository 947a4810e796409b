import { expect, test } from '@jest/globals';
import { prepareDefinition, StateMachineUnsupported } from '../../../local/cloud/state-machines/definition.ts';

const FUNCTION_ARN = 'arn:aws:lambda:eu-central-1:000000000000:function:work';

function machine(states: Record<string, object>): string {
  return JSON.stringify({ StartAt: Object.keys(states)[0], States: states });
}

test('Tasks are found at every depth, with the functions that they call', () => {
  const inner = { StartAt: 'Inner', States: { Inner: { Type: 'Task', Resource: `${FUNCTION_ARN}2`, End: true } } };
  const text = machine({
    Outer: { Type: 'Task', Resource: FUNCTION_ARN, Next: 'Each' },
    Each: { Type: 'Map', ItemProcessor: inner, End: true },
  });

  const { functionOfTask } = prepareDefinition(text);

  expect([...functionOfTask]).toEqual([
    ['Outer', FUNCTION_ARN],
    ['Inner', `${FUNCTION_ARN}2`],
  ]);
});

test("a Task without a time-out has AWS's, as far as the engine can count", () => {
  const { definition } = prepareDefinition(machine({ Patient: { Type: 'Task', Resource: FUNCTION_ARN, End: true } }));

  expect(definition.States.Patient).toMatchObject({ TimeoutSeconds: 2_147_483 });
});

test.each([
  [
    'two states of one name',
    machine({
      Same: { Type: 'Map', ItemProcessor: JSON.parse(machine({ Same: { Type: 'Pass', End: true } })), End: true },
    }),
    /Two states are called Same/,
  ],
  [
    'a Task of another service',
    machine({ Send: { Type: 'Task', Resource: 'arn:aws:states:::sqs:sendMessage' } }),
    /Send/,
  ],
  ['JSONata', machine({ Query: { Type: 'Pass', QueryLanguage: 'JSONata', End: true } }), /Query uses JSONata/],
])('%s is refused when it is loaded, not when it is run', (_what, text, message) => {
  expect(() => prepareDefinition(text)).toThrow(StateMachineUnsupported);
  expect(() => prepareDefinition(text)).toThrow(message);
});
