import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

/** The names of the service's functions, such as `packageChunk`, as `resources/functions.yml` declares them. */
export function functionNames(): string[] {
  const file = new URL('./functions.yml', import.meta.url);
  // The tags of CloudFormation (`!Ref`) are unknown to the parser, and of no interest here.
  return Object.keys(parse(readFileSync(file, 'utf8'), { logLevel: 'silent' }));
}
