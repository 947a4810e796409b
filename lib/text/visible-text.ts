/** Controls (C0 and C1, escape sequences begin with them), and what is not seen or turns the direction of writing. */
const STEERING = /[\p{Cc}\p{Cf}\u2028\u2029]/gu;

/**
 * A text of others (producers, APIs, people) as it can be shown anywhere: what would steer a terminal, hide, or turn
 * the direction of what follows is written out, such as `\u001b`. Line breaks and tabs stay.
 */
export function visibleText(text: string): string {
  return text.replace(STEERING, (character) =>
    character === '\n' || character === '\t' ? character : written(character),
  );
}

/** {@link visibleText} in one line. */
export function visibleLine(text: string): string {
  return text.replace(STEERING, written);
}

/**
 * A value as JSON that any terminal or mail can show; it reads back as the same value.
 * @throws TypeError as JSON does
 */
export function visibleJson(value: unknown): string {
  // In JSON a control stands nowhere but in a string, where it may be written out.
  return visibleLine(JSON.stringify(value));
}

/** As JSON writes it: characters beyond 16 bits are two. */
function written(character: string): string {
  return character
    .split('')
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
    .join('');
}
