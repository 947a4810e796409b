import { randomUUID } from 'node:crypto';
import { negate, normalize } from '../../lib/decimal/decimal.ts';
import { exactSums } from './exact-sums.ts';
import { namesOf } from './names.ts';
import { SIGN_IN_PATH, type VendorAnswer, type VendorRequest, type VendorRules } from './vendor-api.ts';

interface XeroDocument {
  Type?: string;
  Reference?: string;
  Status?: string;
  Contact?: { ContactID?: string };
  LineItems?: { Description?: string; Quantity?: number; ItemCode?: string; UnitAmount?: number }[];
  [number: string]: unknown;
}

interface Kept {
  number: string;
  isCredit: boolean;
  document: XeroDocument;
}

const TOKEN_SECONDS = 1_800;
/** Xero does not publish how long it keeps a key; the shorter, the harder for its clients. */
const KEY_LIFETIME = 60_000;

/**
 * Xero's invoices and credit notes as their documentation says they behave
 * (https://developer.xero.com/documentation/api/accounting/invoices).
 */
export function xeroRules(archivedContacts: readonly string[] = []): VendorRules {
  const newName = namesOf('xero');
  const documents: Kept[] = [];
  const keys = new Map<string, { text: string; answer: VendorAnswer; at: number }>();
  const tokens = new Map<string, { secret: string; until: number }>();
  let clock = 0;

  const grant = ({ headers }: VendorRequest, now: number): VendorAnswer => {
    const secret = Buffer.from((headers.authorization ?? '').replace('Basic ', ''), 'base64').toString('utf8');
    const token = randomUUID();
    tokens.set(token, { secret, until: now + TOKEN_SECONDS * 1000 });
    return { status: 200, body: { access_token: token, expires_in: TOKEN_SECONDS, token_type: 'Bearer' } };
  };

  const put = (text: string, isCredit: boolean): VendorAnswer => {
    const list = isCredit ? 'CreditNotes' : 'Invoices';
    const [document] = (JSON.parse(text) as Record<string, XeroDocument[]>)[list] ?? [];
    const number = document?.[isCredit ? 'CreditNoteNumber' : 'InvoiceNumber'];
    if (document === undefined || typeof number !== 'string') return invalid('A document needs a number here');
    const contact = document.Contact?.ContactID ?? '';
    const faults = [
      ...(archivedContacts.includes(contact) ? [`The contact ${contact} has been archived`] : []),
      ...(documents.some((each) => each.isCredit === isCredit && each.number === number)
        ? [`${isCredit ? 'Credit Note' : 'Invoice'} # must be unique.`]
        : []),
      ...(document.LineItems ?? []).flatMap(({ Description, ItemCode, UnitAmount }) =>
        Description && (ItemCode !== undefined || UnitAmount !== undefined) ? [] : ['Description must not be empty'],
      ),
    ];
    if (faults.length > 0) return invalid(...faults);
    const made = { ...document, [isCredit ? 'CreditNoteID' : 'InvoiceID']: newName() };
    documents.push({ number, isCredit, document: made });
    return { status: 200, body: { [list]: [{ ...made, HasErrors: false }] } };
  };

  const get = (query: URLSearchParams, isCredit: boolean): VendorAnswer => {
    const where = query.get('where') ?? '';
    const exactly = query.get('InvoiceNumbers') ?? /=="([^"]*)"/.exec(where)?.[1];
    const prefix = /StartsWith\("([^"]*)"\)/.exec(where)?.[1];
    const found = documents.filter(
      (each) =>
        each.isCredit === isCredit &&
        (exactly === undefined ? each.number.startsWith(prefix ?? '') : each.number === exactly),
    );
    const size = Number(query.get('pageSize') ?? 100);
    const start = (Number(query.get('page') ?? 1) - 1) * size;
    return {
      status: 200,
      body: {
        [isCredit ? 'CreditNotes' : 'Invoices']: found.slice(start, start + size).map(({ document }) => document),
      },
    };
  };

  const answer = (request: VendorRequest, now: number): VendorAnswer => {
    clock = now;
    const { method, path, query, text, headers } = request;
    const isCredit = path === '/CreditNotes';
    if (!isCredit && path !== '/Invoices') return { status: 404, body: { Title: 'Not Found', Status: 404 } };
    if (method === 'GET') return get(query, isCredit);
    const key = String(headers['idempotency-key'] ?? '');
    if (key.length > 128) return invalid('Idempotency key is too long');
    const known = keys.get(key);
    if (known && known.text === text && now - known.at < KEY_LIFETIME) return known.answer;
    const made = put(text, isCredit);
    if (key && made.status === 200) keys.set(key, { text, answer: made, at: now });
    return made;
  };

  const sums = (of: readonly Kept[]) =>
    exactSums(
      of.flatMap(({ isCredit, document }) =>
        (document.LineItems ?? []).map(({ ItemCode = '', Quantity = 0 }) => {
          const quantity = normalize(String(Quantity));
          return [ItemCode, isCredit ? negate(quantity) : quantity] as const;
        }),
      ),
    );
  return {
    answer,
    signIn: (request, now) => (request.path === SIGN_IN_PATH ? grant(request, now) : undefined),
    throttled: (seconds) => ({
      status: 429,
      headers: { 'retry-after': String(seconds), 'x-rate-limit-problem': 'minute' },
      body: {},
    }),
    unauthorized: () => ({
      status: 401,
      body: { Title: 'Unauthorized', Status: 401, Detail: 'AuthenticationUnsuccessful' },
    }),
    failed: () => ({ status: 500, body: { Title: 'An error occurred', Status: 500 } }),
    isAuthorized({ path, headers }, token) {
      if (path === SIGN_IN_PATH) {
        return headers.authorization === `Basic ${Buffer.from(token, 'utf8').toString('base64')}`;
      }
      const given = tokens.get((headers.authorization ?? '').replace('Bearer ', ''));
      return given !== undefined && given.secret === token && given.until > clock;
    },
    billed: () => sums(documents),
    billedTo: (customer) => sums(documents.filter(({ document }) => document.Contact?.ContactID === customer)),
    packages: () => [...new Set(documents.map(({ document }) => (document.Reference ?? '').split(' ')[0] ?? ''))],
  };
}

const invalid = (...messages: string[]): VendorAnswer => ({
  status: 400,
  body: {
    ErrorNumber: 10,
    Type: 'ValidationException',
    Message: 'A validation exception occurred',
    Elements: [{ ValidationErrors: messages.map((Message) => ({ Message })) }],
  },
});
