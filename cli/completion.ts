import type { Command } from 'commander';
import { WrongUsage } from './terminal/errors.ts';

interface CompletedCommand {
  path: string[];
  description: string;
  /** Names of subcommands and long options. */
  words: { word: string; description: string }[];
}

/** The completion script of a shell, made from the commands themselves. @throws WrongUsage for another shell */
export function completionScript(shell: string, program: Command): string {
  const commands = [...walk(program, [])];
  if (shell === 'bash') return bash(commands);
  if (shell === 'zsh') return zsh(commands);
  if (shell === 'fish') return fish(commands);
  throw new WrongUsage(`There is no completion for ${shell}: bash, zsh or fish.`);
}

function* walk(command: Command, path: string[]): Generator<CompletedCommand> {
  const words = [
    ...command.commands.flatMap((sub) => namesOf(sub).map((word) => ({ word, description: sub.description() }))),
    ...command.options
      .filter((option) => option.long && !option.hidden)
      .map((option) => ({ word: option.long ?? '', description: option.description })),
    { word: '--help', description: 'display help' },
  ];
  yield { path, description: command.description(), words };
  for (const sub of command.commands) for (const name of namesOf(sub)) yield* walk(sub, [...path, name]);
}

function namesOf(command: Command): string[] {
  return [command.name(), ...command.aliases()];
}

function bash(commands: CompletedCommand[]): string {
  const cases = commands.map(
    ({ path, words }) => `    "${path.join(' ')}") words="${words.map(({ word }) => word).join(' ')}" ;;`,
  );
  return `# bash completion for halfmonth. To use it: source <(halfmonth completion bash)
_halfmonth() {
  local path="" word words="" current="\${COMP_WORDS[COMP_CWORD]}"
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path \${word}" in
${commands
  .filter(({ path }) => path.length > 0)
  .map(({ path }) => `      "${[...path.slice(0, -1)].join(' ')} ${path.at(-1)}") path="${path.join(' ')}" ;;`)
  .join('\n')}
    esac
  done
  case "$path" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  if [ \${#COMPREPLY[@]} -eq 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}
complete -F _halfmonth halfmonth`;
}

function zsh(commands: CompletedCommand[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(':', '\\:');
  const cases = commands.map(({ path, words }) => {
    const list = words.map(({ word, description }) => `'${word}:${quoted(description)}'`).join(' ');
    return `    "${path.join(' ')}") options=(${list}) ;;`;
  });
  return `#compdef halfmonth
# zsh completion for halfmonth. To use it: source <(halfmonth completion zsh)
_halfmonth() {
  local path_="" word
  local -a options
  for word in "\${words[@]:1:$((CURRENT - 2))}"; do
    case "$path_ \${word}" in
${commands
  .filter(({ path }) => path.length > 0)
  .map(({ path }) => `      "${[...path.slice(0, -1)].join(' ')} ${path.at(-1)}") path_="${path.join(' ')}" ;;`)
  .join('\n')}
    esac
  done
  case "$path_" in
${cases.join('\n')}
  esac
  _describe 'halfmonth' options || _files
}
compdef _halfmonth halfmonth`;
}

function fish(commands: CompletedCommand[]): string {
  const quoted = (text: string) => text.replaceAll('\\', '\\\\').replaceAll("'", "\\'");
  const lines = commands.flatMap(({ path, words }) => {
    const condition =
      path.length === 0
        ? '__fish_use_subcommand'
        : path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and ');
    return words.map(({ word, description }) => {
      const form = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`;
      return `complete -c halfmonth -n '${condition}' ${form} -d '${quoted(description)}'`;
    });
  });
  return ['# fish completion for halfmonth. To use it: halfmonth completion fish | source', ...lines].join('\n');
}
