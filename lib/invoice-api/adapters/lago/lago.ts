import * as z from 'zod/mini';
import { defineAdapter, type InvoiceApiAdapter } from '../adapter.ts';
import { at, textAt } from '../json-paths.ts';
import { listedEvents } from './listing.ts';
import { BATCH_SIZE, nextBatch } from './steps.ts';

const meter = z.strictObject({
  /** The code of a billable metric that sums a field (`sum_agg`). */
  code: z.string().check(z.minLength(1)),
  /** The field that it sums. */
  field: z.string().check(z.minLength(1)),
});

const settings = z.strictObject({ meters: z.record(z.string(), meter) });

/** Half a month has at most so many days. */
const DAYS = 16;

/** A package becomes events of the client's subscription: one for each meter and day, in batches. */
export default defineAdapter({
  name: 'Lago',
  baseUrl: 'https://api.getlago.com',
  // Its description names no limits (https://github.com/getlago/lago-openapi); this is a thousand events a second.
  quotas: { 'lago-cloud': '10/1' },
  settings,
  create: (chosen): InvoiceApiAdapter => ({
    facts: {
      requestsPerSubmission: Math.max(1, Math.ceil((Object.keys(chosen.meters).length * DAYS) / BATCH_SIZE)),
      idsPerRead: 100,
      namesSubmission: true,
      // A transaction_id is unique for a subscription for ever (https://getlago.com/docs/api-reference/events/usage).
      keyRetentionMilliseconds: Number.POSITIVE_INFINITY,
      // Sent as text, which Lago's description does not limit; nothing here was tried with more.
      quantityDecimals: 20,
    },
    authentication: { kind: 'bearer' },
    meters: new Set(Object.keys(chosen.meters)),
    step: (submission) => nextBatch(submission, chosen.meters),
    list: listedEvents,
    settingChecks: Object.entries(chosen.meters).map(([name, { code, field }]) => ({
      setting: `invoiceApi.settings.meters.${name}`,
      request: { method: 'GET', path: `/api/v1/billable_metrics/${encodeURIComponent(code)}` },
      fault: ({ status, json }) => faultOfMetric(status, at(json, 'billable_metric'), { code, field }),
    })),
  }),
});

/** An event with a code that Lago does not know is taken and never billed, so a wrong one must be seen before. */
function faultOfMetric(status: number, metric: unknown, asked: { code: string; field: string }): string | undefined {
  if (status === 404) return `Lago knows no billable metric ${asked.code}: its events would be taken and not billed`;
  const [aggregation, field] = [textAt(metric, 'aggregation_type'), textAt(metric, 'field_name')];
  if (aggregation !== 'sum_agg') return `the billable metric ${asked.code} does not sum (it is a ${aggregation})`;
  return field === asked.field ? undefined : `the billable metric ${asked.code} sums ${field}, not ${asked.field}`;
}
