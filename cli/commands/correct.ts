import { type Correction, correctionText } from '../../lib/events/correction.ts';
import { addDays } from '../../lib/periods/days.ts';
import { type Period, periodOf } from '../../lib/periods/periods.ts';
import { sendMessages } from '../../lib/queues/send-messages.ts';
import { type CorrectedPackage, previewCorrections } from '../../lib/runs/preview-correction.ts';
import { readClients } from '../../lib/store/client-reader.ts';
import { bucketOf } from '../../lib/store/keys.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { COMPLETE_MARGIN_DAYS } from '../../lib/usage/usage-slices.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { findCorrections, type WrongUsageNamed } from '../packages/corrections.ts';
import { readClientId } from '../packages/package-id.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { totalsWords } from '../terminal/words.ts';

interface CorrectOptions extends WrongUsageNamed {
  reason?: string;
  preview?: boolean;
}

/** Takes back what was counted and is wrong, by an event that goes the ordinary way of counting. */
export async function run(context: Context, client: string, given: string, options: CorrectOptions): Promise<ExitCode> {
  const clientId = readClientId(client);
  const period = periodOf(given);
  const reason = options.reason?.trim();
  if (!reason && !options.preview) throw new WrongUsage('--reason TEXT is missing: it stands in the certificate.');
  const cloud = await context.cloud();
  const { corrections, counted } = await findCorrections(cloud, clientId, period.id, options);
  await assertSums(cloud, corrections);
  const open = corrections.filter(({ origin }) => !counted.has(origin.id));
  const packages = await preview(cloud, clientId, period, open);
  const { output } = context;
  const answer = {
    command: 'correct',
    target: cloud.target,
    clientId,
    periodId: period.id,
    corrections: open,
    packages,
  };
  show(context, open, packages);
  if (open.length === 0) {
    output.line('It was taken back before: nothing to do.');
    output.result({ ...answer, sent: false });
    return EXIT.done;
  }
  if (options.preview) {
    output.result({ ...answer, sent: false });
    return EXIT.done;
  }
  const question = `Take back ${open.length === 1 ? '1 quantity' : `${open.length} quantities`} of ${clientId}?`;
  if (!(await context.confirm(question))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const ids = open.map(({ origin }) => origin.id);
  await cloud.intervene({ kind: 'correct', subjects: new Map([[period.id, ids]]), reason });
  const body = `[${open.map(correctionText).join(',')}]`;
  await sendMessages(await cloud.queues(), cloud.outputs.EventsQueueUrl, [body], () => {});
  output.result({ ...answer, sent: true });
  output.line(`Sent to be counted. A run sends the revision: ${command('run')} ${period.id} --client ${clientId}`);
  return EXIT.done;
}

async function preview(
  cloud: Cloud,
  clientId: string,
  period: Period,
  corrections: readonly Correction[],
): Promise<CorrectedPackage[]> {
  const { tables, calendar, outputs } = cloud;
  const oldestLive = addDays(calendar.dayOf(Date.now()), -(Number(outputs.EventMaxAgeDays) + COMPLETE_MARGIN_DAYS));
  const work = { isFirstClose: false, mayHaveExpired: (day: string) => day < oldestLive };
  const frame = { period, timeZone: outputs.BillingTimeZone, packages: new PackageStore(tables) };
  for await (const read of readClients(tables, period.id, { bucket: bucketOf(clientId), only: clientId })) {
    if (read.failure) throw read.failure.error;
    return previewCorrections(read, corrections, work, frame);
  }
  throw new CommandFailed('NO_USAGE', `${clientId} has no usage in ${period.id}: nothing to take back.`);
}

function show({ output }: Context, corrections: readonly Correction[], packages: readonly CorrectedPackage[]): void {
  output.table(
    [{ heading: 'day' }, { heading: 'meter' }, { heading: 'quantity', align: 'right' }, { heading: 'takes back' }],
    corrections.map(({ day, meter, quantity, origin }) => [day, meter, quantity, origin.id]),
  );
  for (const { part, revision, decision, difference, totals } of packages) {
    const which = revision === undefined ? `it waits (${decision})` : `revision ${revision} (${decision})`;
    output.line(`Package part ${part}: ${which}, changes ${totalsWords(difference)}; then ${totalsWords(totals)}.`);
  }
}

/** Adding the opposite takes a quantity back only where quantities add up. @throws CommandFailed */
async function assertSums(cloud: Cloud, corrections: readonly Correction[]): Promise<void> {
  const meters = await new MeterReader(cloud.tables).list();
  const kinds = new Map(meters.map(({ name, kind }) => [name, kind]));
  const other = corrections.find(({ meter }) => (kinds.get(meter) ?? 'sum') !== 'sum');
  if (!other) return;
  throw new CommandFailed(
    'METER_NO_SUM',
    `${other.meter} is a ${kinds.get(other.meter)}, and only sums can be taken back by adding to them. Nothing was done.`,
  );
}
