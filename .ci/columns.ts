import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

/*
 * Holds comments and documents to as many columns as biome's formatter holds code to. What cannot be broken may be
 * longer: one long word such as an address, a row of a table, a line of a transcript.
 */
const COLUMNS = 120;

/** What other programs write, and runs of earlier versions as they were. */
const NOT_OURS = ['lib/invoice-api/contract.ts', 'tests/fixtures/versions/'];

const SLASHES = /(^|\s)\/\/\s|^\s*\/?\*/;
const HASH = /(^|\s)#\s/;
const COMMENT_OF: Record<string, RegExp> = {
  '.ts': SLASHES,
  '.js': SLASHES,
  '.mjs': SLASHES,
  '.cjs': SLASHES,
  '.yml': HASH,
  '.yaml': HASH,
};

function* longLines(file: string): Generator<string> {
  const kind = extname(file);
  let isTranscript = false;
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (kind === '.md' && line.trimStart().startsWith('```')) isTranscript = !isTranscript;
    const isProse = kind === '.md' ? !isTranscript && !line.startsWith('|') : COMMENT_OF[kind]?.test(line);
    const canBreak = /\S\s+\S/.test(line.replace(/^\s*([-*>]|\/\/|\/\*\*?|#|\d+\.)?\s+/, ''));
    if (line.length > COLUMNS && isProse && canBreak) yield `${file}:${index + 1}: ${line.length} columns`;
  }
}

const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\0')
  .filter((file) => existsSync(file) && !NOT_OURS.some((path) => file.startsWith(path)));
const faults = files
  .filter((file) => extname(file) in COMMENT_OF || extname(file) === '.md')
  .flatMap((file) => [...longLines(file)]);
if (faults.length > 0) {
  console.error(`Comments and documents are broken at ${COLUMNS} columns:\n${faults.join('\n')}`);
  process.exit(1);
}
