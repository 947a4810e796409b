import { exactSums } from './exact-sums.ts';
import { namesOf } from './names.ts';
import type { VendorAnswer, VendorRequest, VendorRules } from './vendor-api.ts';

interface Line {
  id: string;
  price: string | undefined;
  quantity: string;
  amount: number | undefined;
  metadata: Record<string, string>;
}

/** An item that waits for the customer's next invoice. */
interface Item extends Line {
  object: 'invoiceitem';
  customer: string;
  created: number;
}

interface Note {
  id: string;
  object: 'credit_note';
  invoice: string;
  customer: string;
  status: 'issued';
  created: number;
  metadata: Record<string, string>;
  lines: Line[];
}

interface Invoice {
  id: string;
  object: 'invoice';
  customer: string;
  currency: string;
  status: 'draft' | 'open' | 'void';
  created: number;
  metadata: Record<string, string>;
  lines: Line[];
}

/** What one simulated account holds besides invoices. */
export interface StripeAccount {
  /** Customers that were deleted; any other id that begins with `cus_` is one. */
  deletedCustomers?: readonly string[];
  /** The currency of a price; any price is in euros. */
  priceCurrencies?: Readonly<Record<string, string>>;
}

/** https://docs.stripe.com/api/idempotent_requests */
const KEY_LIFETIME = 24 * 3600 * 1000;

/** Stripe's invoices as their documentation says they behave (https://docs.stripe.com/api/invoices). */
export function stripeRules(account: StripeAccount = {}): VendorRules {
  const newName = namesOf('stripe');
  const invoices: Invoice[] = [];
  const items: Item[] = [];
  const notes: Note[] = [];
  const keys = new Map<string, { request: string; answer: VendorAnswer; at: number }>();

  const invoiceOf = (id: string | undefined): Invoice | undefined => invoices.find((invoice) => invoice.id === id);

  const noCustomer = (customer: string): VendorAnswer | undefined =>
    !customer.startsWith('cus_') || account.deletedCustomers?.includes(customer)
      ? invalid('resource_missing', 'customer', `No such customer: '${customer}'`)
      : undefined;

  const create = (form: Form, now: number): VendorAnswer => {
    const customer = form.get('customer') ?? '';
    const refused = noCustomer(customer);
    if (refused) return refused;
    const invoice: Invoice = {
      id: `in_${newName().replaceAll('-', '')}`,
      object: 'invoice',
      customer,
      currency: form.get('currency') ?? 'eur',
      status: 'draft',
      created: Math.floor(now / 1000),
      metadata: form.object('metadata'),
      lines: [],
    };
    invoices.push(invoice);
    return shown(invoice);
  };

  /** One line as it is given under a prefix; undefined when nothing is, an answer when it cannot be used. */
  const lineOf = (
    form: Form,
    at: (name: string) => string,
    invoiceCurrency: string,
  ): Line | VendorAnswer | undefined => {
    const price = form.get(at('pricing][price'));
    const quantity = form.get(at('quantity_decimal'));
    const amount = form.get(at('amount'));
    if (price === undefined && amount === undefined) return undefined;
    const currency = account.priceCurrencies?.[price ?? ''] ?? invoiceCurrency;
    if (currency !== invoiceCurrency) {
      const message = `The price is in ${currency} and the invoice in ${invoiceCurrency}.`;
      return invalid(undefined, at('pricing][price'), message);
    }
    if (quantity !== undefined && !/^\d+(\.\d{1,12})?$/.test(quantity)) {
      return invalid('parameter_invalid', at('quantity_decimal'), 'Must be a non-negative decimal.');
    }
    const metadata = form.object(at('metadata'));
    return {
      id: `il_${newName().replaceAll('-', '')}`,
      price,
      quantity: quantity ?? metadata.halfmonth_quantity ?? '0',
      amount: amount === undefined ? undefined : Number(amount),
      metadata,
    };
  };

  const addLines = (invoice: Invoice, form: Form): VendorAnswer => {
    if (invoice.status !== 'draft') return invalid('invoice_not_editable', undefined, 'This invoice is not a draft.');
    const added: Line[] = [];
    for (let position = 0; ; position++) {
      const line = lineOf(form, (name) => `lines[${position}][${name}]`, invoice.currency);
      if (line === undefined) break;
      if ('status' in line) return line;
      added.push(line);
    }
    if (added.length === 0) return invalid('parameter_missing', 'lines', 'Missing required param: lines.');
    invoice.lines.push(...added);
    return shown(invoice);
  };

  const createItem = (form: Form, now: number): VendorAnswer => {
    const customer = form.get('customer') ?? '';
    const refused = noCustomer(customer);
    if (refused) return refused;
    const line = lineOf(form, (name) => (name.includes('][') ? name.replace('][', '[').concat(']') : name), 'eur');
    if (line === undefined) return invalid('parameter_missing', 'amount', 'Missing required param: amount.');
    if ('status' in line) return line;
    const item: Item = { ...line, object: 'invoiceitem', customer, created: Math.floor(now / 1000) };
    items.push(item);
    return ok(item);
  };

  const createNote = (form: Form, now: number): VendorAnswer => {
    const invoice = invoiceOf(form.get('invoice'));
    if (invoice?.status !== 'open') return invalid('invoice_not_open', 'invoice', 'This invoice cannot be credited.');
    const lines: Line[] = [];
    for (let position = 0; form.get(`lines[${position}][type]`) !== undefined; position++) {
      const [id, amount] = ['invoice_line_item', 'amount'].map((name) => form.get(`lines[${position}][${name}]`));
      if (!invoice.lines.some((line) => line.id === id) || !(Number(amount) > 0)) {
        return invalid('resource_missing', `lines[${position}]`, 'No such line, or no amount to credit.');
      }
      const metadata = form.object(`lines[${position}][metadata]`);
      const quantity = metadata.halfmonth_quantity ?? '0';
      lines.push({ id: id ?? '', price: undefined, quantity, amount: Number(amount), metadata });
    }
    if (lines.length === 0) return invalid('parameter_missing', 'lines', 'Missing required param: lines.');
    const note: Note = {
      id: `cn_${newName().replaceAll('-', '')}`,
      object: 'credit_note',
      invoice: invoice.id,
      customer: invoice.customer,
      status: 'issued',
      created: Math.floor(now / 1000),
      metadata: form.object('metadata'),
      lines,
    };
    notes.push(note);
    return ok(note);
  };

  const execute = ({ method, path, query, text }: VendorRequest, now: number): VendorAnswer => {
    if (method === 'GET' && path === '/v1/invoices') {
      const since = Number(query.get('created[gte]') ?? 0);
      const found = invoices
        .filter(({ customer, created }) => customer === query.get('customer') && created >= since)
        .reverse();
      return page(found, query);
    }
    if (method === 'GET' && path === '/v1/invoices/search') {
      const period = /metadata\['halfmonth_period'\]:'([^']*)'/.exec(query.get('query') ?? '')?.[1];
      const found = invoices.filter(({ metadata }) => metadata.halfmonth_period === period).reverse();
      const start = Number(query.get('page') ?? 0);
      const next = start + Number(query.get('limit') ?? 10);
      const data = found.slice(start, next).map((invoice) => shown(invoice).body);
      const hasMore = found.length > next;
      return ok({ object: 'search_result', data, has_more: hasMore, next_page: hasMore ? String(next) : null });
    }
    if (method === 'GET' && path === '/v1/invoiceitems') {
      const [since, customer] = [Number(query.get('created[gte]') ?? 0), query.get('customer')];
      const found = items.filter((item) => item.created >= since && (customer ?? item.customer) === item.customer);
      return page(found.reverse(), query);
    }
    if (method === 'GET' && path === '/v1/credit_notes') {
      const [since, invoice] = [Number(query.get('created[gte]') ?? 0), query.get('invoice')];
      const found = notes.filter((note) => note.created >= since && (invoice ?? note.invoice) === note.invoice);
      return page(found.reverse(), query);
    }
    if (method === 'POST' && path === '/v1/credit_notes') return createNote(formOf(text), now);
    if (method === 'POST' && path === '/v1/invoiceitems') return createItem(formOf(text), now);
    if (method === 'POST' && path === '/v1/invoices') return create(formOf(text), now);
    const [, price] = /^\/v1\/prices\/(price_\w+)$/.exec(path) ?? [];
    if (method === 'GET' && price) {
      const currency = account.priceCurrencies?.[price] ?? 'eur';
      return ok({ id: price, object: 'price', active: true, billing_scheme: 'per_unit', currency });
    }
    const [, id, action] = /^\/v1\/invoices\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const invoice = invoiceOf(id);
    if (!invoice) return missing(`No such invoice: '${id}'`);
    if (method === 'GET' && action === undefined) return shown(invoice);
    if (method === 'GET' && action === 'lines') return page(invoice.lines, query);
    if (method === 'POST' && action === 'add_lines') return addLines(invoice, formOf(text));
    if (method === 'POST' && action === 'finalize') {
      if (invoice.status !== 'draft') return invalid(undefined, undefined, 'This invoice is already finalized.');
      invoice.status = 'open';
      return shown(invoice);
    }
    return missing(`Unrecognized request URL (${method}: ${path}).`);
  };

  const underKey = (request: VendorRequest, now: number, work: () => VendorAnswer): VendorAnswer => {
    const key = request.headers['idempotency-key'];
    if (request.method !== 'POST' || typeof key !== 'string') return work();
    const same = `${request.path} ${request.text}`;
    const known = keys.get(key);
    if (known && now - known.at < KEY_LIFETIME) {
      if (known.request !== same) {
        return failure(400, { type: 'idempotency_error', message: 'Keys can only be used with the same parameters.' });
      }
      return { ...known.answer, headers: { ...known.answer.headers, 'idempotent-replayed': 'true' } };
    }
    const answer = work();
    // Parameters that fail validation are not executed, so nothing is kept of them.
    if (answer.status !== 400 && answer.status !== 404) keys.set(key, { request: same, answer, at: now });
    return answer;
  };

  const finished = () => invoices.filter(({ status }) => status === 'open');
  const sums = (of: readonly (Invoice | Note)[], waiting: readonly Item[]) =>
    exactSums(
      [...of.flatMap(({ lines }) => lines), ...waiting].map(
        ({ metadata, quantity }) => [metadata.halfmonth_meter ?? '', quantity] as const,
      ),
    );
  const isOf = (customer: string) => (each: { customer: string }) => each.customer === customer;
  return {
    answer: (request, now) => underKey(request, now, () => execute(request, now)),
    throttled: () => failure(429, { type: 'invalid_request_error', code: 'rate_limit', message: 'Too many requests.' }),
    unauthorized: () => failure(401, { type: 'invalid_request_error', message: 'Invalid API Key provided.' }),
    // An error after the work began is kept under the key like any other answer.
    failed: (request, now) =>
      underKey(request, now, () => failure(500, { type: 'api_error', message: 'Something went wrong.' })),
    isAuthorized: ({ headers }, token) => headers.authorization === `Bearer ${token}`,
    billed: () => sums([...finished(), ...notes], items),
    billedTo: (customer) => sums([...finished(), ...notes].filter(isOf(customer)), items.filter(isOf(customer))),
    packages: () => [...new Set([...finished(), ...items].map(({ metadata }) => metadata.halfmonth_package ?? ''))],
  };
}

interface Form {
  get(name: string): string | undefined;
  object(name: string): Record<string, string>;
}

function formOf(text: string): Form {
  const fields = new URLSearchParams(text);
  return {
    get: (name) => fields.get(name) ?? undefined,
    object: (name) =>
      Object.fromEntries(
        [...fields].flatMap(([field, value]) =>
          field.startsWith(`${name}[`) ? [[field.slice(name.length + 1, -1), value]] : [],
        ),
      ),
  };
}

function page(all: readonly { id: string }[], query: URLSearchParams): VendorAnswer {
  const after = query.get('starting_after');
  const start = after === null ? 0 : all.findIndex(({ id }) => id === after) + 1;
  const end = start + Number(query.get('limit') ?? 10);
  return ok({ object: 'list', data: all.slice(start, end), has_more: end < all.length });
}

const ok = (body: unknown): VendorAnswer => ({ status: 200, body });
const shown = ({ lines: _lines, ...invoice }: Invoice): VendorAnswer => ok(invoice);
const failure = (status: number, error: Record<string, string | undefined>): VendorAnswer => ({
  status,
  body: { error },
});
const missing = (message: string): VendorAnswer => failure(404, { type: 'invalid_request_error', message });
const invalid = (code: string | undefined, param: string | undefined, message: string): VendorAnswer =>
  failure(400, { type: 'invalid_request_error', code, param, message });
