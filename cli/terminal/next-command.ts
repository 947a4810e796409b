/** The options that say which cloud is meant. */
const TARGET_OPTIONS = ['--stage', '--region', '--profile'];
/** A command to try next, as texts name it. */
const NAMED_COMMAND = /npx halfmonth (?:parked (?:release|give-up)|[a-z]+)/g;

/**
 * Adds to every command that a text proposes which cloud is meant, as the operator said it: what is pasted from a text about a
 * stage must not work on another, or on the local cloud.
 * @param called the words that this command was called with
 */
export function withTarget(text: string, called: readonly string[] = process.argv.slice(2)): string {
  const options = targetOptions(called);
  return options === '' ? text : text.replaceAll(NAMED_COMMAND, (command) => `${command} ${options}`);
}

function targetOptions(called: readonly string[]): string {
  const given = TARGET_OPTIONS.flatMap((option) => {
    const joined = called.find((word) => word.startsWith(`${option}=`));
    const index = called.indexOf(option);
    const value = joined?.slice(option.length + 1) ?? (index < 0 ? undefined : called[index + 1]);
    return value === undefined ? [] : [`${option} ${quoted(value)}`];
  });
  return [...given, ...(called.includes('--local') ? ['--local'] : [])].join(' ');
}

/** As a shell wants it. */
function quoted(value: string): string {
  return /^[\w@%+=:,./-]+$/.test(value) ? value : `'${value.replaceAll("'", "'\\''")}'`;
}
