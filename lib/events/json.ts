/** A JSON number whose digits a double cannot hold; it stands where the number stood. */
export class InexactNumber {
  /** The number as it was written. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/**
 * A number, outside of quotes as far as a pattern can tell, with 16 or more digits or an exponent. Any shorter decimal is the
 * shortest text of the double that it parses to, so `String` gives it back.
 */
const SUSPECT_NUMBER = /[:\s,[]-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/** `context` is the third argument of a reviver since ES2025's "JSON.parse source text access"; the library types lack it. */
type SourceReviver = (key: string, value: unknown, context: { source?: string }) => unknown;
const parseWithSource = JSON.parse as (text: string, reviver: SourceReviver) => unknown;
const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/**
 * Parses JSON without losing a digit in silence: a number that a double cannot carry exactly becomes an `InexactNumber`.
 * Only a text that may hold one pays for the look at each number's source.
 * @throws SyntaxError
 */
export function parseJson(text: string): unknown {
  if (!SUSPECT_NUMBER.test(text)) return JSON.parse(text);
  return parseWithSource(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined && !isSameDecimal(source, value)
      ? new InexactNumber(source)
      : value,
  );
}

/**
 * The elements of a JSON array, each as its own text with every number as it was written. Only white space is lost.
 * @throws SyntaxError
 */
export function elementTexts(text: string): string[] {
  const parsed = parseWithSource(text, (_key, value, { source }) =>
    typeof value === 'number' && source !== undefined ? rawJson(source) : value,
  );
  return Array.isArray(parsed) ? parsed.map((element) => JSON.stringify(element)) : [text];
}

/** Whether a double, written in its shortest form, is the very decimal that stood in the text. */
function isSameDecimal(source: string, value: number): boolean {
  return canonical(source) === canonical(String(value));
}

/** Significant digits and exponent: equal for equal decimals, however they are written. */
function canonical(decimal: string): string {
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(decimal) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  if (significant === '') return whole === '' ? decimal : '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}
