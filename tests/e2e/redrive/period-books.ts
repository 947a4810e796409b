import { unmarshall } from '@aws-sdk/util-dynamodb';
import { balance } from '../../../lib/certificate/balance.ts';
import type { Certificate } from '../../../lib/certificate/certificate.ts';
import { isSealed } from '../../../lib/certificate/seal.ts';
import { contentHashOf, type PackageDocument } from '../../../lib/packages/document.ts';
import type { PackageHead } from '../../../lib/packages/package.ts';
import { scan } from '../../fixtures/counting.ts';
import type { BillingWorld } from './billing-world.ts';

/**
 * All of a period that money depends on, as it stands in the tables, in the certificates and at the invoice API.
 * Periods with the same consumption have equal books: names and dates of the period are replaced by the same words.
 */
export interface PeriodBooks {
  usageSlices: unknown[];
  dailyRecords: unknown[];
  /** State, revision and content of each package. */
  packages: unknown[];
  /** Every revision's document, the text that went to the API. */
  documents: unknown[];
  /** Documents whose hash is not that of their content, and heads whose hash is not that of their document. */
  wrongHashes: string[];
  period: { isClosed: boolean; isFinished: boolean; lockedBy: string | undefined };
  /** What the API processed, by client. */
  processed: unknown;
}

/** One certificate, as far as it does not name its run. */
export interface CertifiedSums {
  isSealed: boolean;
  /** The first line that disagrees. */
  disagreement: string | undefined;
  usage: Certificate['usage'];
  packages: Certificate['packages'];
  billed: Certificate['billed'];
  acknowledged: number;
}

interface Item extends Record<string, unknown> {
  pk: string;
  sk: string;
}

/** Every item of the tables at one moment. */
export interface Tables {
  usageSlices: Item[];
  dailyRecords: Item[];
  packages: Item[];
  runs: Item[];
  /** What the API processed, by `<period> <client>`. */
  processed: Record<string, Record<string, string>>;
}

export async function readTables(world: BillingWorld): Promise<Tables> {
  const read = async (output: string) =>
    // Every item of every table has these keys.
    (await scan(world.dynamodb, world.output(output))).map(
      (item) => unmarshall(item, { wrapNumbers: exactNumber }) as Item,
    );
  return {
    usageSlices: await read('UsageSlicesTableName'),
    dailyRecords: await read('DailyRecordsTableName'),
    packages: await read('PackagesTableName'),
    runs: await read('RunsTableName'),
    processed: world.api.totalsByClient(),
  };
}

/** A quantity has more digits than a double holds. */
function exactNumber(text: string): number | string {
  return Number.isSafeInteger(Number(text)) ? Number(text) : text;
}

export function booksOf(tables: Tables, periodId: string): PeriodBooks {
  const ofPeriod = (items: readonly Item[]) =>
    items.filter(({ pk }) => pk.startsWith(`${periodId}#`)).sort((one, other) => (one.sk < other.sk ? -1 : 1));
  const packageItems = ofPeriod(tables.packages);
  const heads = packageItems.filter(({ sk }) => sk.startsWith('head#')) as unknown as PackageHead[];
  const documents = packageItems
    .filter(({ sk }) => sk.startsWith('document#'))
    .map(({ document }) => JSON.parse(String(document)) as PackageDocument);
  const ofRuns = (sk: string) => tables.runs.find((item) => item.pk === `period#${periodId}` && item.sk === sk);
  const state = ofRuns('state');
  return neutral(periodId, {
    usageSlices: ofPeriod(tables.usageSlices).map(({ sk, totals, events }) => ({ sk, totals, events })),
    dailyRecords: ofPeriod(tables.dailyRecords).map(({ sliceMarks, ...record }) => record),
    packages: heads.map(
      ({ packageId, part, parts, state: packageState, revision, lastProcessedRevision, everSent }) => ({
        packageId,
        part,
        parts,
        state: packageState,
        revision,
        lastProcessedRevision,
        everSent,
      }),
    ),
    documents: documents.map(({ contentHash, ...document }) => document),
    wrongHashes: wrongHashesOf(heads, documents),
    period: {
      isClosed: typeof state?.closedAt === 'string',
      isFinished: typeof state?.lastClosedAt === 'string',
      lockedBy: ofRuns('lock')?.runId as string | undefined,
    },
    processed: Object.entries(tables.processed)
      .filter(([key]) => key.startsWith(`${periodId} `))
      .sort(),
  });
}

/** A period's certificates, oldest first. */
export function certificatesOf(tables: Tables, periodId: string): CertifiedSums[] {
  return tables.runs
    .filter(({ pk, sk }) => pk === `certificate#${periodId}` && sk.startsWith('run#'))
    .sort((one, other) => (one.sk < other.sk ? -1 : 1))
    .map((item) => {
      const certificate = JSON.parse(String(item.certificate)) as Certificate;
      const { usage, packages, billed, acknowledgements } = certificate;
      return {
        isSealed: isSealed(certificate),
        disagreement: balance(certificate)?.line,
        usage,
        packages,
        billed,
        acknowledged: acknowledgements.count,
      };
    });
}

function wrongHashesOf(heads: readonly PackageHead[], documents: readonly PackageDocument[]): string[] {
  const wrong: string[] = [];
  for (const { contentHash, packageId, part, clientId, period, lines, revision } of documents) {
    const right = contentHashOf({ packageId, part, clientId, period, lines });
    if (contentHash !== right) wrong.push(`document ${packageId}.r${revision}`);
  }
  for (const { packageId, revision, contentHash } of heads) {
    const current = documents.find((document) => document.packageId === packageId && document.revision === revision);
    if (current?.contentHash !== contentHash) wrong.push(`head ${packageId}`);
  }
  return wrong;
}

/** The same with the period's and the month's names taken out. */
function neutral(periodId: string, books: PeriodBooks): PeriodBooks {
  const text = JSON.stringify(books)
    .replaceAll(periodId, 'PERIOD')
    .replaceAll(`${periodId.slice(0, 7)}-`, 'MONTH-');
  return JSON.parse(text);
}
