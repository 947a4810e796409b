import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';

const foldersIn = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);

const page = readFileSync('docs/architecture.md', 'utf8');
const local = readFileSync('local/README.md', 'utf8');

test('the page of the architecture has a line for each folder of the code', () => {
  const expected = [
    ...foldersIn('lib').map((name) => `\`lib/${name}\``),
    ...foldersIn('lib/invoice-api/adapters').map((name) => `\`${name}/\``),
    ...foldersIn('functions').map((name) => `\`functions/${name}/\``),
    ...foldersIn('cli').map((name) => `\`cli/${name}\``),
  ];

  expect(expected.filter((folder) => !page.includes(folder))).toEqual([]);
});

test('the page of what runs on one machine has a line for each of its folders', () => {
  expect(foldersIn('local').filter((name) => !local.includes(`| \`${name}/\` |`))).toEqual([]);
});

test.each(['The way of one event', 'The way of one package'])(
  '%s has at most twelve stops, all of them there',
  (walk) => {
    const [, section = ''] = page.split(`### ${walk}, in the code`);
    const [stops = ''] = section.split('\n#');
    const files = [...stops.matchAll(/`((?:lib|functions)\/[\w/.-]+\.ts)`/g)].map(([, file]) => file ?? '');

    expect(stops.match(/^\d+\. /gm)?.length).toBeLessThanOrEqual(12);
    expect(files.length).toBeGreaterThan(0);
    expect(() => files.map((file) => readFileSync(file))).not.toThrow();
  },
);
