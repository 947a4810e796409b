import { describe, expect, test } from '@jest/globals';
import { csvLine } from '../../../cli/terminal/csv.ts';
import { FORMS, formOf } from '../../../cli/terminal/form.ts';
import { arranged, layoutOf } from '../../../cli/terminal/table.ts';
import { wrappedText } from '../../../cli/terminal/wrapped-text.ts';

const TABLE = {
  columns: [{ heading: 'client' }, { heading: 'late events', align: 'right' as const }],
  rows: [
    ['acme', '9'],
    ['globex', '10'],
    ['initech', ''],
    ['hooli', '-2.5'],
  ],
};
const firsts = (sort: string) => arranged(TABLE, { sort }).rows.map(([client]) => client);

describe('what is wanted of a table', () => {
  test('rows are sorted by text, or by number where a column holds numbers', () => {
    expect(firsts('client')).toEqual(['acme', 'globex', 'hooli', 'initech']);
    expect(firsts('late_events')).toEqual(['initech', 'hooli', 'acme', 'globex']);
    expect(firsts('-late events')).toEqual(['globex', 'acme', 'hooli', 'initech']);
  });

  test('columns come in the order in which they are named, sorted by one that is not shown', () => {
    const { columns, rows } = arranged(TABLE, { columns: ['late-events'], sort: '-client' });

    expect(columns).toEqual([{ heading: 'late events', align: 'right' }]);
    expect(rows).toEqual([[''], ['-2.5'], ['10'], ['9']]);
  });

  test('a column that there is none of is refused with those that there are', () => {
    expect(() => arranged(TABLE, { columns: ['clint'] })).toThrow('no column "clint": client, late_events.');
    expect(() => arranged(TABLE, { sort: '-clint' })).toThrow('--sort: there is no column "clint"');
  });
});

describe('the form of an answer', () => {
  test.each([
    [{}, FORMS.list, 'table'],
    [{ json: true }, FORMS.list, 'json'],
    [{ output: 'csv' }, FORMS.list, 'csv'],
    [{}, FORMS.file, 'csv'],
    [{ output: 'jsonl' }, FORMS.file, 'jsonl'],
  ])('%j of %j is %s', (options, forms, form) => {
    expect(formOf(options, forms).form).toBe(form);
  });

  test.each([
    [{ output: 'csv' }, FORMS.words, 'this command has table, json'],
    [{ output: 'yaml' }, FORMS.list, 'this command has table, json, csv'],
    [{ json: true, output: 'csv' }, FORMS.list, 'not both'],
    [{ json: true, sort: 'client' }, FORMS.list, 'jq'],
  ])('%j of %j is refused: %s', (options, forms, words) => {
    expect(() => formOf(options, forms)).toThrow(words);
  });
});

describe('nothing is wider than the window', () => {
  const PROSE = {
    columns: [{ heading: 'package' }, { heading: 'reason', isProse: true as const }],
    rows: [['2026-11-H1.acme', 'the API answered with words that do not fit into a line of forty']],
  };

  test('words go on below, in their column', () => {
    expect(layoutOf(PROSE, 40).lines).toEqual([
      'package          reason',
      '2026-11-H1.acme  the API answered with',
      '                 words that do not fit',
      '                 into a line of forty',
    ]);
  });

  test('where even that is too wide, a row becomes a paragraph', () => {
    expect(layoutOf(PROSE, 30)).toEqual({
      isTable: false,
      lines: [
        'package  2026-11-H1.acme',
        'reason   the API answered with\n         words that do not fit\n         into a line of forty',
        '',
      ],
    });
  });

  test('a line goes on under its text, and a command stays whole', () => {
    expect(wrappedText('next       wait for the run: npx halfmonth watch 2026-11-H1, or not', 30)).toBe(
      'next       wait for the run:\n           npx halfmonth watch 2026-11-H1,\n           or not',
    );
  });
});

test('a cell of CSV is quoted where it has to be, and no formula but a number', () => {
  expect(csvLine(['a "b", c', '=1+1', '-2.5', '-x', 3, undefined])).toBe(`"a ""b"", c",'=1+1,-2.5,'-x,3,\r\n`);
});
