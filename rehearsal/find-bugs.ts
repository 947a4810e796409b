import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { BUGS, type Bug } from './bugs.ts';
import { rehearseApart } from './rehearse-apart.ts';

const USAGE = `npm run -s rehearse:bugs -- [--seeds N] [--only TEXT]

Puts one bug after the other back into a copy of the sources and rehearses until it is found. Ends with 1 when one is not.

  --seeds N    at most so many rehearsals a bug (default: 50)
  --only TEXT  only bugs whose name holds this`;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '50' },
    only: { type: 'string', default: '' },
    help: { type: 'boolean' },
  },
});
if (values.help) {
  console.log(USAGE);
} else {
  const chosen = BUGS.filter(({ name }) => name.includes(values.only));
  const missed: string[] = [];
  for (const bug of chosen) {
    const found = await find(bug, Number(values.seeds));
    console.log(found ?? `NOT FOUND in ${values.seeds} seeds: ${bug.name}`);
    if (!found) missed.push(bug.name);
  }
  console.log(`${chosen.length - missed.length} of ${chosen.length} bugs found`);
  process.exitCode = missed.length > 0 ? 1 : 0;
}

/** Where the bug showed first, in words; undefined when it never did. */
async function find(bug: Bug, seeds: number): Promise<string | undefined> {
  const folder = copyWith(bug);
  try {
    for (let seed = 1; seed <= seeds; seed++) {
      const [result] = await rehearseApart(['--seed', String(seed), '--clients', '4', '--events', '10'], folder);
      const [finding] = result?.findings ?? [];
      if (result && finding) return `seed ${seed} (${result.profile}): ${bug.name}\n  ${finding}`;
    }
    return undefined;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function copyWith({ file, right, wrong }: Bug): string {
  const folder = mkdtempSync(join(tmpdir(), 'halfmonth-bug-'));
  const files = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    encoding: 'utf8',
  })
    .split('\0')
    .filter(Boolean);
  for (const each of files) cpSync(each, join(folder, each));
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));
  const source = readFileSync(join(folder, file), 'utf8');
  if (source.split(right).length !== 2) throw new Error(`${file} does not hold once: ${right}`);
  writeFileSync(
    join(folder, file),
    source.replace(right, () => wrong),
  );
  return folder;
}
