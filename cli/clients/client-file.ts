import { readFile } from 'node:fs/promises';
import { isClientId } from '../../lib/events/consumption-event.ts';
import type { ClientMapping } from '../../lib/store/client-store.ts';
import { CommandFailed } from '../terminal/errors.ts';

const COLUMNS = ['clientId', 'customer'] as const;
const FAULTS_SHOWN = 20;

/** As the parser gives it with these options. */
interface Row {
  record: Record<string, string>;
  info: { lines: number };
}

/**
 * Reads who clients are at the invoice API: CSV with a heading, columns `clientId` and `customer`. Nothing of a file
 * with a fault is used.
 * @throws CommandFailed naming each line that cannot be used
 */
export async function readClientFile(path: string): Promise<ClientMapping[]> {
  const { parse } = await import('csv-parse');
  const mappings = new Map<string, { customer: string; line: number }>();
  const faults: string[] = [];
  let line = 1;
  try {
    const text = await readFile(path, 'utf8');
    const rows = parse(text, { bom: true, columns: true, info: true, skip_empty_lines: true, trim: true });
    for await (const { record, info } of rows as AsyncIterable<Row>) {
      line = info.lines;
      const missing = COLUMNS.filter((column) => !record[column]);
      const { clientId = '', customer = '' } = record;
      const before = mappings.get(clientId);
      if (missing.length > 0) faults.push(`line ${line}: ${missing.join(' and ')} missing`);
      else if (!isClientId(clientId)) faults.push(`line ${line}: ${JSON.stringify(clientId)} is no client id`);
      else if (before && before.customer !== customer) {
        faults.push(`line ${line}: ${clientId} is ${customer}, and ${before.customer} in line ${before.line}`);
      } else mappings.set(clientId, { customer, line });
    }
  } catch (error) {
    faults.push(`after line ${line}: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (mappings.size === 0 && faults.length === 0) faults.push('it holds no line besides the heading');
  if (faults.length > 0) {
    const more = faults.length > FAULTS_SHOWN ? `\n  and ${faults.length - FAULTS_SHOWN} more` : '';
    throw new CommandFailed(
      'CLIENT_FILE',
      `${path} cannot be used, and nothing of it was. It is CSV with the columns ${COLUMNS.join(',')}:\n` +
        `${faults
          .slice(0, FAULTS_SHOWN)
          .map((fault) => `  ${fault}`)
          .join('\n')}${more}`,
    );
  }
  return [...mappings].map(([clientId, { customer }]) => ({ clientId, customer }));
}
