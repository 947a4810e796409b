import { stripVTControlCharacters } from 'node:util';
import wrapAnsi from 'wrap-ansi';

/** A command to paste: broken in two it would be another one. */
const COMMAND = /npx halfmonth [^,;:()]*[^,;:(). ]/g;
/** Stands for a space that is none to break at. */
const UNBROKEN = '\ue000';
/** `run        `: what is written under such a word goes on under its text. */
const LABEL = /^ *\S+(?: \S+){0,4} {2,}/;
const LONGEST_LABEL = 34;

/** A text in lines of at most `width` columns, parted between words; a command stays whole, whatever its length. */
export function wrappedText(text: string, width: number): string {
  return text
    .split('\n')
    .map((line) => wrappedLine(line, width))
    .join('\n');
}

function wrappedLine(line: string, width: number): string {
  const [label = ''] = LABEL.exec(line) ?? [];
  const [indent = ''] = /^ */.exec(line) ?? [];
  const labelWidth = stripVTControlCharacters(label).length;
  const isLabelled = label !== '' && labelWidth <= Math.min(LONGEST_LABEL, width / 2);
  const prefix = isLabelled ? label : indent;
  const under = isLabelled ? labelWidth : indent.length;
  const whole = line.slice(prefix.length).replace(COMMAND, (command) => command.replaceAll(' ', UNBROKEN));
  const wrapped = wrapAnsi(whole, Math.max(1, width - under));
  return prefix + wrapped.replaceAll(UNBROKEN, ' ').replaceAll('\n', `\n${' '.repeat(under)}`);
}
