import { styleText } from 'node:util';
import type { FoundPackages, PackageFindings } from './package-findings.ts';
import { type Reconciliation, type ReconciliationLine, STATIONS, stationTitle } from './reconciliation.ts';
import type { RefusedLines } from './refused-lines.ts';
import type { ResendReasons } from './resends.ts';

const TITLES: Record<ReconciliationLine['section'], string> = {
  events: 'Events',
  rejected: 'Malformed events, by reason',
  meters: 'Quantities per meter',
  packages: 'Packages',
};

/**
 * The account as text: a table of what every station says, the checks, what was sent again and why, and the verdict.
 * @param colour whether the reader understands terminal colours
 * @param width of the window: a table that is wider has a line for each figure; as wide as may be without one
 */
export function resultText(
  reconciliation: Reconciliation,
  resends: ResendReasons,
  packages: PackageFindings,
  colour: boolean,
  refused?: RefusedLines,
  width?: number,
): string {
  const { lines, checks, differences } = reconciliation;
  const paint = (style: 'green' | 'yellow' | 'red' | 'bold', text: string) =>
    colour ? styleText(style, text, { validateStream: false }) : text;
  const mark = (good: boolean) => (good ? paint('green', 'agree') : paint('red', 'DIFFER'));
  const sections = (Object.keys(TITLES) as ReconciliationLine['section'][]).flatMap((section) => {
    const rows = lines.filter((line) => line.section === section);
    return rows.length > 0 ? [tableOf(section, rows, { mark, paint, width })] : [];
  });
  const checkLines = checks.map(({ finding, holds }) => `  ${mark(holds)}  ${finding}`);
  return [
    ...sections,
    checkLines.join('\n'),
    resendText(resends),
    ...foundText(packages),
    ...(refused && refused.count > 0 ? [refused.text()] : []),
    differences.length === 0
      ? paint(isAllCounted(reconciliation, refused) ? 'green' : 'yellow', verdictOf(reconciliation, packages, refused))
      : [paint('red', 'These do not agree:'), ...differences.map((difference) => `  ${difference}`)].join('\n'),
  ].join('\n\n');
}

/** Whether there was usage, and no line of a file was refused. */
export function isAllCounted({ emptyPeriods }: Reconciliation, refused: RefusedLines | undefined): boolean {
  return emptyPeriods.length === 0 && (refused?.count ?? 0) === 0;
}

function verdictOf(
  { emptyPeriods }: Reconciliation,
  { refused: notBilled, differing }: PackageFindings,
  refused: RefusedLines | undefined,
): string {
  const lines = refused?.count ?? 0;
  const reservations = [
    ...(notBilled.count === 0
      ? []
      : [`${notBilled.count === 1 ? '1 package was' : `${notBilled.count} packages were`} not billed, see above`]),
    ...(differing.count === 0
      ? []
      : [
          `${differing.count === 1 ? '1 package is' : `${differing.count} packages are`} not as the API has them, see above`,
        ]),
    ...(lines === 0
      ? []
      : [`${lines === 1 ? '1 line of the file was' : `${lines} lines of the file were`} not counted, see above`]),
  ];
  if (emptyPeriods.length > 0) {
    const rest = reservations.map((reservation) => `; ${reservation}`).join('');
    return `There is no usage in ${emptyPeriods.join(', ')}, so nothing was billed and nothing could be compared${rest}.`;
  }
  if (reservations.length === 0) return 'Every number agrees: nothing lost, nothing billed twice.';
  return `Every number agrees, and nothing was billed twice; ${reservations.join('; ')}.`;
}

/** What to do about packages that did not go the usual way. */
function foundText({ refused, differing }: PackageFindings): string[] {
  return [
    ...(refused.count === 0
      ? []
      : [
          `${refused.count} not billed, because the invoice API did not take them. Mend the cause (a customer's tax number, an ` +
            'address), then let them be sent again: npx halfmonth parked release --rejected PERIOD --reason TEXT (in a cloud that ' +
            `was started with --keep).\n${listOf(refused)}`,
        ]),
    ...(differing.count === 0
      ? []
      : [
          `${differing.count} not as the invoice API has them. Look at each: npx halfmonth package ID (in a cloud that was ` +
            `started with --keep).\n${listOf(differing)}`,
        ]),
  ];
}

function listOf({ count, named }: FoundPackages): string {
  const lines = named.map(({ packageId, clientId, reason }) => `  ${packageId} (client ${clientId}): ${reason}`);
  return [...lines, ...(count > named.length ? [`  and ${count - named.length} more`] : [])].join('\n');
}

/** How a table is written. */
interface TableStyle {
  mark: (good: boolean) => string;
  paint: (style: 'bold', text: string) => string;
  width: number | undefined;
}

/** Between the figures of a row and its verdict, and the verdict. */
const VERDICT_WIDTH = '  DIFFER'.length;

function tableOf(
  section: ReconciliationLine['section'],
  lines: readonly ReconciliationLine[],
  { mark, paint, width }: TableStyle,
): string {
  const stations = STATIONS.filter((station) => lines.some(({ values }) => values[station] !== undefined));
  const head = [TITLES[section], ...stations.map((station) => stationTitle(section, station))];
  const rows = lines.map(({ name, values }) => [`  ${name}`, ...stations.map((station) => values[station] ?? '')]);
  const verdicts = lines.map(({ agrees }) => mark(agrees));
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const aligned = (row: readonly string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  const [title = '', ...titles] = head;
  if (width !== undefined && aligned(head).length + VERDICT_WIDTH > width) {
    const stacked = rows.map(([name, ...figures], index) => [
      `${name}  ${verdicts[index]}`,
      ...figures.map(
        (figure, column) => `    ${aside(titles, column)}  ${figure.padStart(Math.max(...widths.slice(1)))}`,
      ),
    ]);
    return [paint('bold', title), ...stacked.flat()].join('\n');
  }
  return [paint('bold', aligned(head)), ...rows.map((row, index) => `${aligned(row)}  ${verdicts[index]}`)].join('\n');
}

function aside(titles: readonly string[], column: number): string {
  return (titles[column] ?? '').padEnd(Math.max(...titles.map(({ length }) => length)));
}

function resendText(resends: ResendReasons): string {
  if (resends.packages === 0) return 'No package was sent more than once.';
  return [
    `${resends.packages === 1 ? '1 package was' : `${resends.packages} packages were`} sent more than once, after:`,
    ...resends.reasons().map(({ because, times, packageIds }) => {
      const more = times > packageIds.length ? ', ...' : '';
      return `  ${times} x ${because}: ${packageIds.join(', ')}${more}`;
    }),
  ].join('\n');
}
