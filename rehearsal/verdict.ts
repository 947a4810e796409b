import { balance } from '../lib/certificate/balance.ts';
import type { Period } from '../lib/periods/periods.ts';
import { CertificateStore } from '../lib/store/certificate-store.ts';
import type { Totals } from '../local/invoice-api-simulator/books.ts';
import { messagesIn } from '../local/start/queue-drained.ts';
import { countRejected } from '../local/start/rejected-events.ts';
import { packagesOf } from './packages.ts';
import type { RehearsedService } from './rehearsed-service.ts';
import { unitsOf } from './usage.ts';

/** What must be true after a closing. */
export interface Truth {
  period: Period;
  /** By client and meter, in units of 10^-12. */
  expected: ReadonlyMap<string, ReadonlyMap<string, bigint>>;
  /** Elements that were to be rejected. */
  hostile: number;
}

/** Everything that is wrong, in words; nothing when all is right. */
export async function findingsOf(rehearsed: RehearsedService, truth: Truth): Promise<string[]> {
  return [
    ...billedWrong(rehearsed.api.totalsByClient(), truth),
    ...apiFindings(rehearsed),
    ...(await packageFindings(rehearsed, truth)),
    ...(await queueFindings(rehearsed, truth)),
    ...(await certificateFindings(rehearsed, truth)),
  ];
}

/** Where what the API processed, by `<period> <client>`, is not what was consumed. */
export function billedWrong(
  processed: Readonly<Record<string, Totals>>,
  { period, expected }: Pick<Truth, 'expected'> & { period: Pick<Period, 'id'> },
): string[] {
  const findings: string[] = [];
  for (const [client, meters] of expected) {
    const billed = processed[`${period.id} ${client}`] ?? {};
    for (const meter of new Set([...meters.keys(), ...Object.keys(billed)])) {
      const [due, got] = [meters.get(meter) ?? 0n, unitsOf(billed[meter] ?? '0')];
      if (due !== got) findings.push(`${client} ${meter}: billed ${got}, consumed ${due} (10^-12)`);
    }
  }
  for (const name of Object.keys(processed)) {
    const client = name.slice(period.id.length + 1);
    if (!expected.has(client)) findings.push(`${client} was billed and consumed nothing`);
  }
  return findings;
}

/** So much too early is no quota broken, on a machine that holds requests up on their way. */
const HELD_UP_MILLISECONDS = 250;

function apiFindings({ api, apiFaults }: RehearsedService): string[] {
  const { acceptedTwice, keysReused, violations, earlyBy, violationsByWindow } = api.report();
  // Nobody can keep to a quota that was cut unsaid.
  const isExceeded = violations > 0 && earlyBy > HELD_UP_MILLISECONDS && !apiFaults.happened.has('quotaCut');
  return [
    ...(isExceeded
      ? [`${violations} requests were over the quota, by up to ${earlyBy} ms: ${JSON.stringify(violationsByWindow)}`]
      : []),
    ...(acceptedTwice > 0 ? [`${acceptedTwice} packages were accepted twice`] : []),
    ...(keysReused > 0 ? [`${keysReused} keys came with another body`] : []),
  ];
}

async function packageFindings({ service }: RehearsedService, { period, expected }: Truth): Promise<string[]> {
  const heads = await packagesOf(service.tables, period.id);
  const left = heads.filter(({ state }) => state !== 'processed');
  const billed = new Set(heads.map(({ clientId }) => clientId));
  return [
    ...left.map(({ packageId, state }) => `${packageId} is ${state} at the end`),
    ...[...expected.keys()].filter((client) => !billed.has(client)).map((client) => `${client} has no package`),
  ];
}

async function queueFindings({ service }: RehearsedService, { hostile }: Truth): Promise<string[]> {
  const { sqs, queues } = service;
  const [waiting, deadLetters] = await Promise.all([
    messagesIn(sqs, queues.events),
    messagesIn(sqs, queues.deadLetters),
  ]);
  const rejected = await countRejected(sqs, queues.rejected);
  const elements = Object.values(rejected).reduce((sum, count) => sum + count, 0);
  return [
    ...(waiting > 0 ? [`${waiting} messages are still in the queue`] : []),
    ...(deadLetters > 0 ? [`${deadLetters} messages were given up`] : []),
    ...(elements === hostile ? [] : [`${elements} elements were rejected, and ${hostile} are hostile`]),
  ];
}

async function certificateFindings({ service }: RehearsedService, { period }: Truth): Promise<string[]> {
  const [certificate] = await new CertificateStore(service.tables).list(period.id, 1);
  if (!certificate) return [`${period.id} has no certificate`];
  const { total, processed } = certificate.packages;
  const disagreement = balance(certificate);
  return [
    ...(processed === total ? [] : [`the certificate says that ${processed} of ${total} packages are processed`]),
    ...(disagreement ? [`the certificate does not balance: ${JSON.stringify(disagreement)}`] : []),
  ];
}
