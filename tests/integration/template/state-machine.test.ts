import { beforeAll, describe, expect, test } from '@jest/globals';
import { getLanguageService, TextDocument } from 'amazon-states-language-service';
import aslValidator from 'asl-validator';
import { packagedTemplate, resourcesOf } from '../../fixtures/packaged-service.ts';
import { resolved } from '../../fixtures/resolved-template.ts';
import {
  allStates,
  executionsOf,
  functionOf,
  packagedStateMachine,
  type Retrier,
  reachableFrom,
  type StateGraph,
  waitsForToken,
} from '../../fixtures/state-machine.ts';

let machine: StateGraph;
let functionTimeouts: Map<string, number>;
beforeAll(async () => {
  machine = await packagedStateMachine('prod');
  const template = await packagedTemplate('prod');
  functionTimeouts = new Map(
    resourcesOf(template, 'AWS::Lambda::Function').map(([id, { Timeout }]) => [
      String(resolved(template, { 'Fn::GetAtt': [id, 'Arn'] })),
      Number(Timeout),
    ]),
  );
});

const ofType = (type: string) => allStates(machine).filter(([, state]) => state.Type === type);

describe('the language', () => {
  test('asl-validator finds nothing', () => {
    const { isValid, errorsText } = aslValidator(machine);
    expect(isValid ? '' : errorsText()).toBe('');
  });

  test('the language service of AWS finds nothing', async () => {
    const document = TextDocument.create('file:///billing-period.asl.json', 'asl', 1, JSON.stringify(machine, null, 2));
    const service = getLanguageService({});
    const diagnostics = await service.doValidation(document, service.parseJSONDocument(document));
    expect(diagnostics.map(({ range, message }) => `${range.start.line}: ${message}`)).toEqual([]);
  });
});

describe('a redrive is always right', () => {
  test('nothing catches an error to fail: the redrive would enter the Fail state again', () => {
    const caught = executionsOf(machine).flatMap(({ graph }) =>
      Object.entries(graph.States).flatMap(([name, { Catch: handlers = [] }]) =>
        handlers.map(({ Next: next }) => ({
          name,
          ends: [next, ...reachableFrom(graph, next)].map((end) => graph.States[end]),
        })),
      ),
    );
    expect(caught.filter(({ ends }) => ends.some((state) => state?.Type === 'Fail'))).toEqual([]);
  });

  test('no Distributed Map is retried: a retry would start every child again', () => {
    expect(ofType('Map').filter(([, { Retry }]) => Retry !== undefined)).toEqual([]);
  });

  test('no Distributed Map tolerates failed children: a chunk that failed must stop the run', () => {
    const tolerant = ofType('Map').filter(([, map]) =>
      Object.keys(map).some((key) => key.startsWith('ToleratedFailure')),
    );
    expect(tolerant).toEqual([]);
  });

  test('every Map runs its items as standard executions, each with a history of its own', () => {
    const configurations = ofType('Map').map(([, { ItemProcessor }]) => ItemProcessor?.ProcessorConfig);
    expect(configurations.length).toBeGreaterThan(0);
    for (const configuration of configurations) {
      expect(configuration).toEqual({ Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' });
    }
  });

  test('no execution has a time limit: one that timed out could be waiting for a quota that frees tomorrow', () => {
    expect(executionsOf(machine).filter(({ graph }) => 'TimeoutSeconds' in graph)).toEqual([]);
  });
});

describe('Tasks', () => {
  test('wait longer for the function than the function runs', () => {
    for (const [name, state] of ofType('Task')) {
      const { TimeoutSeconds: timeout = 0 } = state;
      const functionTimeout = functionTimeouts.get(functionOf(state));
      expect({ name, functionTimeout }).toEqual({ name, functionTimeout: expect.any(Number) });
      expect({ name, longer: timeout > Number(functionTimeout) }).toEqual({ name, longer: true });
    }
  });

  test('are tried again after a transient failure, and not after one that only a person can remove', () => {
    for (const [name, { Retry: retriers = [] }] of ofType('Task')) {
      expect({ name, last: retriers.at(-1)?.ErrorEquals }).toEqual({ name, last: ['States.ALL'] });
      expect({ name, never: retriers[0]?.MaxAttempts }).toEqual({ name, never: 0 });
      const never = retriers.filter(({ MaxAttempts }) => MaxAttempts === 0).flatMap(({ ErrorEquals }) => ErrorEquals);
      expect(never).toContain('PackagesParked');
    }
  });

  test('that wait for a person give up when their time is over: nobody is asked twice without a redrive', () => {
    const waiting = ofType('Task').filter(([, state]) => waitsForToken(state));
    expect(waiting.map(([name, { TimeoutSeconds, Retry = [] }]) => [name, TimeoutSeconds, Retry[0]])).toEqual([
      ['AwaitApproval', 72 * 3_600, { ErrorEquals: ['States.Timeout'], MaxAttempts: 0 }],
    ]);
  });
});

describe('a fault of the region that lasts ten minutes', () => {
  /** The waits of a retrier: each is drawn between nothing and its bound, which is what full jitter means. */
  const boundsOf = ({ MaxAttempts = 0, IntervalSeconds = 1, BackoffRate = 1, MaxDelaySeconds = 1e9 }: Retrier) =>
    Array.from({ length: MaxAttempts }, (_, attempt) =>
      Math.min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** attempt),
    );
  const sumOf = (values: number[]) => values.reduce((sum, value) => sum + value, 0);

  test('is outlasted by every Task, in all but one of a million draws', () => {
    for (const [name, { Retry: retriers = [] }] of ofType('Task')) {
      const bounds = boundsOf(retriers.at(-1) ?? { ErrorEquals: [] });
      const mean = sumOf(bounds) / 2;
      const deviation = Math.sqrt(sumOf(bounds.map((bound) => bound ** 2 / 12)));
      expect({ name, lasts: mean - 5 * deviation > 600 }).toEqual({ name, lasts: true });
    }
  });

  test('that shows as functions which run out of time is outlasted by their own time', () => {
    for (const [name, state] of ofType('Task')) {
      const { Retry: retriers = [] } = state;
      const retrier = retriers.find(({ ErrorEquals }) => ErrorEquals.includes('Sandbox.Timedout'));
      const seconds = (retrier?.MaxAttempts ?? 0) * Number(functionTimeouts.get(functionOf(state)));
      expect({ name, lasts: seconds > 600 }).toEqual({ name, lasts: true });
    }
  });
});

test('every state can be reached', () => {
  for (const { name, graph } of executionsOf(machine)) {
    const reached = reachableFrom(graph, graph.StartAt).add(graph.StartAt);
    expect({ name, states: [...reached].sort() }).toEqual({ name, states: Object.keys(graph.States).sort() });
  }
});

/** Executions of the versions before call these until they have ended. */
const CALLED_BY_EARLIER_VERSIONS = ['bookQuota', 'sendChunk', 'checkChunk'].map(
  (name) => `arn:aws:lambda:eu-central-1:000000000000:function:halfmonth-prod-${name}`,
);

test('the role may invoke exactly the functions that the machine and those of the versions before call', async () => {
  const template = await packagedTemplate('prod');
  const role = resolved(template, template.Resources.BillingPeriodRole?.Properties) as {
    Policies: { PolicyDocument: { Statement: { Action: string | string[]; Resource: string | string[] }[] } }[];
  };
  const statements = role.Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
  const invocable = statements.filter(({ Action }) => [Action].flat().includes('lambda:InvokeFunction'));
  const called = new Set(ofType('Task').map(([, state]) => functionOf(state)));
  expect(new Set(invocable.flatMap(({ Resource }) => [Resource].flat()))).toEqual(
    new Set([...called, ...CALLED_BY_EARLIER_VERSIONS]),
  );
});
