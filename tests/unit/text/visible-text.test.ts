import { afterEach, describe, expect, jest, test } from '@jest/globals';
import fc from 'fast-check';
import { Output } from '../../../cli/terminal/output.ts';
import { reportFailure } from '../../../cli/terminal/report-failure.ts';
import { visibleJson, visibleLine, visibleText } from '../../../lib/text/visible-text.ts';

/** What moves a cursor, renames a window, hides what follows or turns it: none of it may reach a person raw. */
const HOSTILE = 'acme\u001b[2J\u001b]0;owned\u0007\u009b31m\u202etxt.exe\u2066\u200b\r\u0000\u007f';
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/u;
const anyText = fc.string({ unit: 'binary', maxLength: 40 });

afterEach(() => {
  jest.restoreAllMocks();
});

describe('a text of others', () => {
  test('has nothing left that steers, whatever it holds', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(visibleLine(text)).not.toMatch(STEERING);
        expect(visibleText(text).replaceAll(/[\n\t]/g, '')).not.toMatch(STEERING);
      }),
    );
  });

  test('says what stood there', () => {
    expect(visibleText('a\u001b[31mb\n\u202ec')).toBe('a\\u001b[31mb\n\\u202ec');
  });

  test('reads back from JSON as it was', () => {
    fc.assert(
      fc.property(fc.array(anyText), (texts) => {
        const json = visibleJson({ texts });
        expect(json).not.toMatch(STEERING);
        expect(JSON.parse(json)).toEqual({ texts });
      }),
    );
  });
});

/** All that is written while something is said. */
function written(say: () => void): string {
  const lines: string[] = [];
  const keep = (...parts: unknown[]) => {
    lines.push(parts.join(' '));
  };
  jest.spyOn(console, 'log').mockImplementation(keep);
  jest.spyOn(console, 'error').mockImplementation(keep);
  say();
  return lines.join('\n');
}

describe('nothing that a command says steers a terminal', () => {
  const output = new Output();
  test.each<[string, () => void]>([
    ['a line', () => output.line(`reason: ${HOSTILE}`)],
    ['a styled line', () => output.line(output.style('red', HOSTILE))],
    ['a table', () => output.table([{ heading: 'client' }], [[HOSTILE], ['two\nlines']])],
    ['a remark', () => output.note(HOSTILE)],
    ['JSON', () => new Output('json').result({ reason: HOSTILE })],
    ['a failure', () => reportFailure(new Error(HOSTILE), false)],
    ['a failure in JSON', () => reportFailure(new Error(HOSTILE), true)],
  ])('%s', (_, say) => {
    const said = written(say);

    expect(said).toContain('acme\\u001b[2J');
    expect(said.replaceAll('\n', '')).not.toMatch(STEERING);
  });

  test('a cell of a table stays in its line', () => {
    const said = written(() => output.table([{ heading: 'client' }], [['one\nforged   processed']]));

    expect(said.split('\n')).toEqual(['client', 'one\\u000aforged   processed']);
  });
});
