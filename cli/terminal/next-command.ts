import type { Remedy } from '../../lib/errors/halfmonth-error.ts';

/** The options that say which cloud is meant. */
const TARGET_OPTIONS = ['--stage', '--region', '--profile'];

/**
 * A command to type, with the cloud that is meant as the operator said it: what is pasted from a text about a stage
 * must not work on another, or on the local cloud.
 * @param words such as `status` or `parked release`; what follows them may stand after the answer
 * @param called the words that this command was called with
 */
export function command(words: string, called: readonly string[] = process.argv.slice(2)): string {
  return ['npx halfmonth', words, ...targetOptions(called)].join(' ');
}

/** How something that a person can do is typed. */
export function remedyCommand(remedy: Remedy): string {
  switch (remedy.task) {
    case 'list-packages':
      return `${command('packages')} ${remedy.periodId} --status ${remedy.states.join(',')}`;
    case 'release-rejected':
      return `${command('parked release')} --rejected ${remedy.periodId} --reason TEXT`;
    case 'explain-client':
      return `${command('explain')} CLIENT ${remedy.periodId}`;
  }
}

function targetOptions(called: readonly string[]): string[] {
  const given = TARGET_OPTIONS.flatMap((option) => {
    const joined = called.find((word) => word.startsWith(`${option}=`));
    const index = called.indexOf(option);
    const value = joined?.slice(option.length + 1) ?? (index < 0 ? undefined : called[index + 1]);
    return value === undefined ? [] : [`${option} ${quoted(value)}`];
  });
  return [...given, ...(called.includes('--local') ? ['--local'] : [])];
}

/** As a shell wants it. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
