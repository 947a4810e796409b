import { negate } from '../../../decimal/decimal.ts';
import type { PackageLine } from '../../../packages/lines.ts';
import type { Submission } from '../adapter.ts';
import { shortKey } from '../short-key.ts';
import type { XeroSettings } from './settings.ts';

/** What is made at Xero: an invoice for what is to be paid, a credit note for what a correction takes back. */
export type DocumentKind = 'invoice' | 'credit-note';

/** What the two are called in requests and answers. */
export const NAMES = {
  invoice: { path: '/Invoices', list: 'Invoices', number: 'InvoiceNumber', type: 'ACCREC' },
  'credit-note': { path: '/CreditNotes', list: 'CreditNotes', number: 'CreditNoteNumber', type: 'ACCRECCREDIT' },
} as const;

/** Of `InvoiceNumber` in Xero's description. */
const LONGEST_NUMBER = 255;

/** The documents that a submission needs, in their order: nearly always one. */
export function documentsOf({ lines }: Pick<Submission, 'lines'>): DocumentKind[] {
  const kinds: DocumentKind[] = [];
  if (lines.some(({ quantity }) => !quantity.startsWith('-'))) kinds.push('invoice');
  if (lines.some(({ quantity }) => quantity.startsWith('-'))) kinds.push('credit-note');
  return kinds;
}

/** Unique at Xero: one revision is billed once, whatever was tried. */
export function numberOf({ document: { packageId, revision } }: Pick<Submission, 'document'>): string {
  return shortKey(`${packageId}.r${revision}`, LONGEST_NUMBER);
}

/** What a document's reference says: whose it is, what it corrects, and how many documents its revision has. */
export interface Reference {
  packageId: string;
  revision: number;
  since?: number;
  documents?: number;
}

/** Says whose document a number is of: `2026-11-H1.acme revision 2 since 1 in 2`, where a correction has two. */
export function referenceOf(submission: Pick<Submission, 'document' | 'lines'>): string {
  const { packageId, revision, difference } = submission.document;
  const documents = documentsOf(submission).length;
  const since = difference ? ` since ${difference.sinceRevision}` : '';
  return shortKey(
    `${packageId} revision ${revision}${since}${documents > 1 ? ` in ${documents}` : ''}`,
    LONGEST_NUMBER,
  );
}

/** What a reference of ours says; undefined for what is none. */
export function readReference(text: string | undefined): Reference | undefined {
  const [, packageId, revision, since, documents] =
    /^(.+) revision (\d+)(?: since (\d+))?(?: in (\d+))?$/.exec(text ?? '') ?? [];
  if (packageId === undefined) return undefined;
  return {
    packageId,
    revision: Number(revision),
    ...(since === undefined ? {} : { since: Number(since) }),
    ...(documents === undefined ? {} : { documents: Number(documents) }),
  };
}

/** Whether a document is of this submission: earlier versions wrote the package and its revision alone. */
export function isReferenceTo(submission: Pick<Submission, 'document' | 'lines'>, text: string | undefined): boolean {
  const { packageId, revision } = submission.document;
  return text === referenceOf(submission) || text === shortKey(`${packageId} revision ${revision}`, LONGEST_NUMBER);
}

/** One document as Xero takes it. */
export function documentBody(kind: DocumentKind, submission: Submission, settings: XeroSettings): object {
  const { document, customer, lines } = submission;
  const { to } = document.period;
  const isCredit = kind === 'credit-note';
  const billed = lines.filter(({ quantity }) => quantity.startsWith('-') === isCredit);
  return {
    Type: NAMES[kind].type,
    [NAMES[kind].number]: numberOf(submission),
    Reference: referenceOf(submission),
    Contact: { ContactID: customer },
    Date: to,
    ...(isCredit ? {} : { DueDate: daysAfter(to, settings.dueDays) }),
    Status: settings.status,
    LineAmountTypes: settings.lineAmountTypes,
    ...(settings.currency === undefined ? {} : { CurrencyCode: settings.currency }),
    LineItems: billed.map((line) => lineItem(line, submission, settings)),
  };
}

function lineItem({ meter, quantity }: PackageLine, { document }: Submission, { meters }: XeroSettings): object {
  const { itemCode, unitAmount, accountCode, taxType, per = '1' } = meters[meter] ?? {};
  const { from, to } = document.period;
  return {
    Description: `${meter}${per === '1' ? '' : ` in units of ${per}`}, ${from} to ${to}`,
    Quantity: Number(quantity.startsWith('-') ? negate(quantity) : quantity),
    ...(unitAmount === undefined ? {} : { UnitAmount: Number(unitAmount) }),
    ...(itemCode === undefined ? {} : { ItemCode: itemCode }),
    ...(accountCode === undefined ? {} : { AccountCode: accountCode }),
    ...(taxType === undefined ? {} : { TaxType: taxType }),
  };
}

function daysAfter(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}
