import { readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { expect, test } from '@jest/globals';
import { eventsOfCsv, readMapping } from '../../lib/event-files/csv.ts';
import { acceptanceWindowAt } from '../../lib/events/consumption-event.ts';
import { readMessage } from '../../lib/events/message.ts';
import { contentHashOf } from '../../lib/packages/document.ts';
import { bodyCheck } from '../../local/invoice-api-simulator/body-check.ts';

const WINDOW = acceptanceWindowAt(Date.UTC(2026, 10, 20), 45);

/** The blocks of one language in a page of the documentation. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(new URL(`../../docs/${page}`, import.meta.url), 'utf8');
  return [...text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs'))].map(([, block = '']) => block);
}

test('the event that the page shows is counted', () => {
  const [event = ''] = blocksOf('your-own-data.md', 'json');

  expect(readMessage(event, WINDOW)).toMatchObject({ rejected: [], events: [{ clientId: 'acme', quantity: '12.5' }] });
});

test('the CSV file that the page shows is counted with the mapping that it gives', async () => {
  const [file = ''] = blocksOf('your-own-data.md', 'csv');
  const [, columns = '', source] = /--map (\S+) --source (\S+)/.exec(blocksOf('your-own-data.md', 'sh').join()) ?? [];
  const refused: unknown[] = [];
  const texts: string[] = [];

  const rows = eventsOfCsv(Readable.from([Buffer.from(file)]), { mapping: readMapping(columns), source }, (line) =>
    refused.push(line),
  );
  for await (const { text } of rows) texts.push(text);

  expect(refused).toEqual([]);
  expect(readMessage(`[${texts.join()}]`, WINDOW)).toMatchObject({
    rejected: [],
    events: [
      { clientId: 'acme', meter: 'api_calls', quantity: '1200' },
      { clientId: 'globex', meter: 'storage_gb_hours', quantity: '2.25' },
    ],
  });
});

test('the package that the page shows is one that the contract takes, with the hash of its content', () => {
  const [shown = ''] = blocksOf('invoice-api.md', 'json');

  const checked = bodyCheck()(shown);

  expect(checked).toMatchObject({ ok: true });
  const { packageId, part, clientId, period, lines, contentHash } = JSON.parse(shown);
  expect(contentHashOf({ packageId, part, clientId, period, lines })).toBe(contentHash);
});
