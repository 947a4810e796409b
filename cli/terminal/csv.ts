import { visibleText } from '../../lib/text/visible-text.ts';

/** What spreadsheets begin a formula with, also in full width, and after what they skip. */
const FORMULA = /^\s*[=+\-@＝＋－＠]|^[\t\r\n]/;
/** A number that is negative begins as a formula does. */
const NUMBER = /^-?\d+(\.\d+)?$/;

/** A line as RFC 4180 wants it; a text that a spreadsheet would take for a formula gets an apostrophe before it. */
export function csvLine(cells: readonly (string | number | undefined)[]): string {
  const written = cells.map((cell = '') => {
    const plain = visibleText(String(cell));
    const text = FORMULA.test(plain) && !NUMBER.test(plain) ? `'${plain}` : plain;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  });
  return `${written.join(',')}\r\n`;
}
