import { WrongUsage } from './errors.ts';
import type { OutputForm } from './output.ts';
import type { TableWish } from './table.ts';

/** The options that say in what form an answer is wanted. */
export interface FormOptions {
  json?: boolean;
  output?: string;
  columns?: string[];
  sort?: string;
}

/** What a command can answer in; the first where nothing else is wanted. */
export const FORMS = {
  words: ['table', 'json'],
  list: ['table', 'json', 'csv'],
  file: ['csv', 'jsonl', 'json'],
} as const satisfies Record<string, readonly OutputForm[]>;

/**
 * The form that is wanted of a command's answer, and what of its table.
 * @throws WrongUsage for a form that this command does not have, or columns of what is no table
 */
export function formOf(
  { json, output, columns, sort }: FormOptions,
  forms: readonly OutputForm[],
): { form: OutputForm; wish: TableWish } {
  if (json && output !== undefined && output !== 'json') throw new WrongUsage('Give --json or --output, not both.');
  const wanted = json ? 'json' : (output ?? forms[0]);
  const form = forms.find((each) => each === wanted);
  if (form === undefined) {
    throw new WrongUsage(`--output ${wanted}: this command has ${forms.join(', ')}.`);
  }
  if (form === 'json' && (columns || sort)) {
    throw new WrongUsage('--columns and --sort are for tables and CSV. JSON comes whole: jq picks and sorts.');
  }
  return { form, wish: { ...(columns ? { columns } : {}), ...(sort === undefined ? {} : { sort }) } };
}

/** Whether a failure is to be told as JSON, asked before the options are read. */
export function wantsJson(called: readonly string[]): boolean {
  const index = called.indexOf('--output');
  return called.includes('--json') || called.includes('--output=json') || (index > 0 && called[index + 1] === 'json');
}
