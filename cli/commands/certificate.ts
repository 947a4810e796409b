import { readFileSync, writeFileSync } from 'node:fs';
import { balance, type Disagreement } from '../../lib/certificate/balance.ts';
import type { Certificate } from '../../lib/certificate/certificate.ts';
import { fingerprintOf, readPublicKey, verifySignature } from '../../lib/certificate/public-key.ts';
import { canonicalJson, readCertificate } from '../../lib/certificate/seal.ts';
import { verifyCertificate } from '../../lib/certificate/verify.ts';
import { interventionWords } from '../../lib/interventions/intervention.ts';
import { periodOf } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { gatherEvidence } from '../packages/verification.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import type { Output } from '../terminal/output.ts';
import { plural, totalsWords } from '../terminal/words.ts';

interface CertificateOptions {
  run?: string;
  save?: string;
  verify?: string | true;
  /** A file with the public key, to verify a copy with nothing else. */
  key?: string;
  saveKey?: string;
  /** True with `--without-api`. */
  withoutApi?: boolean;
}

/** Prints, saves or verifies the closing certificate of a period's run. */
export async function run(context: Context, first: string | undefined, called: CertificateOptions): Promise<ExitCode> {
  const { given, options } = untangled(first, called);
  if (given !== undefined) periodOf(given);
  const copy = typeof options.verify === 'string' ? readCopy(options.verify) : undefined;
  if (options.key !== undefined) return verifyAlone(context, copy, options.key);
  const cloud = await context.cloud();
  const { output } = context;
  if (options.saveKey !== undefined) return saveKey(context, cloud, options.saveKey);
  const period = periodOrLast(given, cloud, output);
  const store = new CertificateStore(cloud.tables);
  if (copy && copy.period.id !== period.id) {
    throw new WrongUsage(`${options.verify} certifies ${copy.period.id}, not ${period.id}.`);
  }
  const certificate = copy ?? (await find(store, period.id, options.run));
  if (options.verify) return verify(context, cloud, store, certificate, options.withoutApi !== true);
  if (options.save) {
    writeFileSync(options.save, `${canonicalJson(certificate)}\n`);
    output.note(`Saved as ${options.save}.`);
  }
  output.result({ command: 'certificate', target: cloud.target, certificate });
  show(context, certificate);
  return EXIT.done;
}

/** Holds a copy against the public key alone: no account, no network. */
function verifyAlone({ output }: Context, copy: Certificate | undefined, keyFile: string): ExitCode {
  if (!copy) throw new WrongUsage('--key verifies a saved certificate: give its file too, with --verify FILE.');
  const key = readPublicKey(readText(keyFile));
  const disagreement = verifySignature(copy, key) ?? balance(copy);
  const { hash, number, run: certified, period, previous } = copy;
  const fingerprint = fingerprintOf(key);
  output.result({
    command: 'certificate --verify --key',
    period: period.id,
    runId: certified.id,
    hash,
    number: number ?? null,
    previous,
    keyFingerprint: fingerprint,
    agrees: disagreement === undefined,
    disagreement: disagreement ?? null,
  });
  output.line(`key        SHA-256 ${fingerprint}`);
  if (number !== undefined) output.line(`chain      certificate ${number}, after ${previous?.hash ?? 'none'}`);
  return verdict(
    output,
    copy,
    disagreement,
    'is genuine: it was signed with this key, unchanged since, and it balances.',
  );
}

async function saveKey({ output }: Context, cloud: Cloud, file: string): Promise<ExitCode> {
  const pem = await cloud.certificateKey();
  if (pem === undefined) {
    throw new CommandFailed(
      'NO_CERTIFICATE_KEY',
      'This stage signs no certificates: operations.signCertificates is off.',
    );
  }
  writeFileSync(file, pem);
  const fingerprint = fingerprintOf(readPublicKey(pem));
  output.result({ command: 'certificate --save-key', target: cloud.target, file, keyFingerprint: fingerprint });
  output.line(`Saved as ${file}. Its SHA-256: ${fingerprint}`);
  return EXIT.done;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new WrongUsage(`${file} cannot be read: ${error instanceof Error ? error.message : error}`);
  }
}

const PERIOD_ID = /^\d{4}-\d{2}-H[12]$/;

/** `certificate --verify PERIOD` means the period, though it stands where the file of a copy would. */
function untangled(given: string | undefined, options: CertificateOptions) {
  const { verify } = options;
  if (given !== undefined || typeof verify !== 'string' || !PERIOD_ID.test(verify)) return { given, options };
  return { given: verify, options: { ...options, verify: true as const } };
}

async function find(store: CertificateStore, periodId: string, runId: string | undefined): Promise<Certificate> {
  const all = await store.list(periodId);
  const found = runId === undefined ? all[0] : all.find(({ run: { id } }) => id === runId);
  if (found) return found;
  throw new CommandFailed(
    'NO_CERTIFICATE',
    runId === undefined
      ? `${periodId} has no certificate: no run of it is finished. See: ${command('status')} ${periodId}`
      : `Run ${runId} of ${periodId} has no certificate. There are: ${all.map(({ run: { id } }) => id).join(', ') || 'none'}.`,
  );
}

/** @throws WrongUsage, InvalidCertificate */
function readCopy(file: string): Certificate {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new WrongUsage(
      `${file} is no saved certificate: ${error instanceof Error ? error.message : error}. Save one: ${command('certificate')} PERIOD --save FILE`,
    );
  }
  return readCertificate(value);
}

async function verify(
  context: Context,
  cloud: Cloud,
  store: CertificateStore,
  certificate: Certificate,
  withApi: boolean,
): Promise<ExitCode> {
  const { output } = context;
  const onReading = (words: string) => {
    if (output.isLive) void output.live([`Reading ${words}.`], '');
  };
  const evidence = await gatherEvidence(cloud, store, certificate, { withApi, output, onReading });
  output.clearLive();
  const disagreement = verifyCertificate(certificate, evidence);
  const { hash, run: certified, period } = certificate;
  const against = { tables: evidence.isLatest, api: withApi };
  output.result({
    command: 'certificate --verify',
    target: cloud.target,
    period: period.id,
    runId: certified.id,
    hash,
    against,
    agrees: disagreement === undefined,
    disagreement: disagreement ?? null,
  });
  if (!evidence.isLatest) {
    output.line(
      'A later run has changed the books since: only hashes, chain, balance, acknowledgements and the API were held against it.',
    );
  }
  return verdict(output, certificate, disagreement, 'agrees line by line.');
}

function verdict(
  output: Output,
  { period, run: certified }: Certificate,
  disagreement: Disagreement | undefined,
  words: string,
): ExitCode {
  const which = `The certificate of ${period.id} (run ${certified.id})`;
  if (!disagreement) {
    output.line(output.style('green', `${which} ${words}`));
    return EXIT.done;
  }
  const { line, expected, found } = disagreement;
  output.line(output.style('red', `${which} disagrees: ${line}`));
  output.line(`  expected ${expected}`);
  output.line(`  found    ${found}`);
  return EXIT.foundProblem;
}

function show({ output }: Context, certificate: Certificate): void {
  const {
    run: certified,
    period,
    usage,
    packages,
    billed,
    acknowledgements,
    lateUsage,
    previous,
    hash,
    signature,
  } = certificate;
  const row = (name: string, text: string) => output.line(`${name.padEnd(16)}${text}`);
  output.line(output.style('bold', `Closing certificate of ${period.id}`));
  row('run', `${certified.id}, ${certified.startedAt} to ${certified.certifiedAt}`);
  row('days', `${period.from} to ${period.to}, ${period.timeZone}`);
  row(
    'counted',
    `${plural(usage.slices.events, 'event')} of ${plural(usage.clients, 'client')} on ${plural(usage.clientDays, 'client-day')}`,
  );
  row(
    'not counted',
    `at least ${plural(usage.observed.duplicates, 'duplicate')} and ${usage.observed.rejected} rejected`,
  );
  const { queue } = certificate;
  if (queue) {
    const left = queue.waiting + queue.inFlight + queue.deadLetters;
    row(
      'in the queue',
      left === 0
        ? `nothing at ${queue.lookedAt}, before packaging`
        : `${plural(queue.waiting, 'message')} waiting, ${queue.inFlight} in flight, ${queue.deadLetters} given up at ${queue.lookedAt}, before packaging`,
    );
  }
  row('sum of slices', totalsWords(usage.slices.totals));
  row('sum of days', totalsWords(usage.days.totals));
  row('processed', totalsWords(billed.lastProcessed));
  row('rejected', totalsWords(billed.rejected));
  row('parked', totalsWords(billed.parked));
  if (packages.waiting > 0) row('open', totalsWords(billed.open));
  row(
    'packages',
    `${packages.total} = ${packages.processed} processed + ${packages.rejected} rejected + ${packages.parked} parked; ${plural(packages.corrections, 'correction')}`,
  );
  row(
    'acknowledged',
    `${acknowledgements.count} by the invoice API, digest ${acknowledgements.digest.slice(0, 16)}...`,
  );
  row('late usage', `before: ${totalsWords(lateUsage.before)}; after: ${totalsWords(lateUsage.after.totals)}`);
  for (const each of certificate.interventions ?? []) row('done by hand', interventionWords(each));
  row('configuration', certificate.configurationHash);
  row(
    'previous',
    previous ? `${previous.hash} (${previous.periodId}, run ${previous.runId})` : 'none: this is the first',
  );
  row('hash', hash);
  row('signature', signature ? `${signature.algorithm} by ${signature.keyId}` : 'none: this stage had no key');
}
