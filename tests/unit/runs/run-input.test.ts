import { describe, expect, test } from '@jest/globals';
import { InvalidRunInput, readRunInput } from '../../../lib/runs/run.ts';

describe('the input of a run', () => {
  test.each([
    [{}],
    [{ period: '2026-11-H1' }],
    [{ clients: ['ada', 'bob'], mode: 'preview' }],
    [{ canary: 10, deadline: '2026-12-01T12:00:00+01:00' }],
  ])('may be %j', (input) => {
    expect(readRunInput(input)).toEqual(input);
  });

  test('names each client once, in order', () => {
    expect(readRunInput({ clients: ['bob', 'ada', 'bob'] })).toEqual({ clients: ['ada', 'bob'] });
  });

  test.each([
    [null, 'must be a JSON object'],
    ['2026-11-H1', 'must be a JSON object'],
    [[], 'must be a JSON object'],
    [{ period: '2026-11' }, 'period must be a year, a month and a half'],
    [{ period: '2026-13-H1' }, 'period must be a year'],
    [{ Period: '2026-11-H1' }, 'unknown: "Period"'],
    [{ client: 'ada' }, 'unknown: "client"'],
    [{ clients: [] }, 'clients must name a client'],
    [{ clients: ['a#b'] }, 'clients.0 is not a client id'],
    [{ clients: 'ada' }, 'clients must be a list of client ids'],
    [{ mode: 'dry-run' }, 'mode must be "close" or "preview"'],
    [{ canary: 0 }, 'canary must be at least 1'],
    [{ canary: 1.5 }, 'canary must be a whole number'],
    [{ deadline: '2026-12-01T12:00:00' }, 'deadline must be a time such as'],
  ])('may not be %j', (input, fault) => {
    expect(() => readRunInput(input)).toThrow(InvalidRunInput);
    expect(() => readRunInput(input)).toThrow(fault);
  });

  test('is refused with every fault and the right form', () => {
    expect(() => readRunInput({ mode: 1, canary: 'x' })).toThrow(
      /mode must[\s\S]*canary must[\s\S]*"period": "2026-11-H1"/,
    );
  });
});
