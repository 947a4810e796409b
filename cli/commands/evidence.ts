import { writeFileSync } from 'node:fs';
import type { EvidencedEvent } from '../../lib/archive/client-evidence.ts';
import { isMeter } from '../../lib/events/consumption-event.ts';
import { MeasureFold, measureOf, meterOfMeasure, quantitiesOf, valueOfEvent } from '../../lib/meters/measure.ts';
import { periodOf } from '../../lib/periods/periods.ts';
import { visibleJson } from '../../lib/text/visible-text.ts';
import type { Context } from '../connection/context.ts';
import { type ClientProof, proofOf } from '../packages/client-evidence.ts';
import { readClientId } from '../packages/package-id.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { plural } from '../terminal/words.ts';

interface EvidenceOptions {
  meter?: string;
  out?: string;
}

/** One meter, with its kind: what its events come to, and what they have to agree with. */
interface ProvenLine {
  meter: string;
  events: number;
  sum: string;
  counted: string;
  /** In the current revision of the package; absent before the first run. */
  packaged?: string;
}

const EVENTS_SHOWN = 20;
const MISSING_SHOWN = 5;

/** Shows the very events behind a client's lines of a period, and whether their sums are those lines. */
export async function run(
  context: Context,
  client: string,
  period: string,
  { meter, out }: EvidenceOptions,
): Promise<ExitCode> {
  const clientId = readClientId(client);
  const { id: periodId } = periodOf(period);
  if (meter !== undefined && !isMeter(meter)) throw new WrongUsage(`"${meter}" is not the name of a meter.`);
  const cloud = await context.cloud();
  const proof = await proofOf(cloud, clientId, periodId);
  const isMeant = (event: { meter: string }) => meter === undefined || event.meter === meter;
  const events = proof.evidence.events.filter(isMeant);
  const duplicates = proof.evidence.duplicates.filter(isMeant);
  const lines = linesOf(proof, events).filter((line) => isMeant({ meter: meterOfMeasure(line.meter) }));
  const remarks = remarksOf(proof, lines, duplicates);
  const agrees = lines.every(({ sum, counted }) => sum === counted);
  if (out !== undefined) writeFileSync(out, events.map((event) => `${visibleJson(event)}\n`).join(''));
  const { output } = context;
  output.result({
    command: 'evidence',
    target: cloud.target,
    clientId,
    periodId,
    agrees,
    lines,
    remarks,
    missing: proof.evidence.missing,
    ...(out === undefined ? { events, duplicates } : { file: out }),
  });
  show(context, lines, events, out);
  for (const remark of remarks) output.line(remark);
  output.line(
    agrees
      ? `Proven: ${plural(events.length, 'event')}, each once, add up to what was counted.`
      : 'Not proven: some of what was counted has no event here.',
  );
  return agrees ? EXIT.done : EXIT.foundProblem;
}

function linesOf({ usage, packaged }: ClientProof, events: readonly EvidencedEvent[]): ProvenLine[] {
  const fold = new MeasureFold();
  const numbers = new Map<string, number>();
  for (const event of events) {
    const measure = measureOf(event.meter, event.kind);
    fold.add(measure, valueOfEvidenced(event));
    numbers.set(measure, (numbers.get(measure) ?? 0) + 1);
  }
  const summed = quantitiesOf(fold.values());
  const meters = new Set([...Object.keys(usage.totals), ...Object.keys(packaged ?? {}), ...Object.keys(summed)]);
  return [...meters].sort().map((meter) => ({
    meter,
    events: numbers.get(meter) ?? 0,
    sum: summed[meter] ?? '0',
    counted: usage.totals[meter] ?? '0',
    ...(packaged ? { packaged: packaged[meter] ?? '0' } : {}),
  }));
}

/** What an event comes to by itself, by the kind of its meter. */
function valueOfEvidenced({ identity, time, meter, quantity, kind }: EvidencedEvent): string {
  const bytes = Buffer.from(identity, 'hex').toString('latin1');
  return valueOfEvent({ identity: bytes, instant: Date.parse(time), meter, quantity, ...(kind ? { kind } : {}) });
}

/** What differs, and why, in words. */
function remarksOf(
  { evidence, packaged }: ClientProof,
  lines: readonly ProvenLine[],
  duplicates: readonly EvidencedEvent[],
): string[] {
  const remarks: string[] = [];
  for (const { meter, sum, counted, packaged: line } of lines) {
    if (sum !== counted) remarks.push(`${meter}: the events add up to ${sum}, and ${counted} was counted.`);
    if (line !== undefined && line !== counted) {
      remarks.push(`${meter}: the package says ${line}, and ${counted} is counted by now: a run sends the difference.`);
    }
  }
  if (!packaged) remarks.push('No package was made yet: the period has not been run.');
  if (evidence.missing.length > 0) {
    const named = evidence.missing.slice(0, MISSING_SHOWN).map(({ day, identity }) => `${identity} (${day})`);
    const more = evidence.missing.length > MISSING_SHOWN ? ' and more' : '';
    remarks.push(`Counted without evidence: ${plural(evidence.missing.length, 'event')}, ${named.join(', ')}${more}.`);
  }
  if (evidence.objectsGone > 0) {
    remarks.push(
      `${plural(evidence.objectsGone, 'object')} of the archive are gone: archive.retentionDays, or somebody deleted them.`,
    );
  }
  const changed = changedDuplicates(evidence.events, duplicates);
  if (duplicates.length > 0) remarks.push(`Dropped: ${plural(duplicates.length, 'duplicate')}.`);
  for (const { source, id, meter, quantity } of changed.slice(0, MISSING_SHOWN)) {
    remarks.push(
      `One of them says something else than the event that was counted: ${source} ${id}, ${meter} ${quantity}.`,
    );
  }
  return remarks;
}

/** Duplicates that say something else than the event that was counted. */
function changedDuplicates(events: readonly EvidencedEvent[], duplicates: readonly EvidencedEvent[]): EvidencedEvent[] {
  const contentOf = ({ day, meter, quantity }: EvidencedEvent) => `${day} ${meter} ${quantity}`;
  const counted = new Map<string, Set<string>>();
  for (const event of events) {
    counted.set(event.identity, (counted.get(event.identity) ?? new Set()).add(contentOf(event)));
  }
  return duplicates.filter((each) => !counted.get(each.identity)?.has(contentOf(each)));
}

function show({ output }: Context, lines: ProvenLine[], events: readonly EvidencedEvent[], out?: string): void {
  if (out === undefined) {
    output.table(
      [
        { heading: 'time' },
        { heading: 'meter' },
        { heading: 'quantity', align: 'right' },
        { heading: 'source and id' },
      ],
      events
        .slice(0, EVENTS_SHOWN)
        .map(({ time, meter, quantity, source, id }) => [time, meter, quantity, `${source} ${id}`]),
    );
    if (events.length > EVENTS_SHOWN)
      output.line(`and ${events.length - EVENTS_SHOWN} more: --out FILE writes them all.`);
    output.line();
  } else {
    output.note(`${plural(events.length, 'event')} in ${out}.`);
  }
  output.table(
    [
      { heading: 'meter' },
      { heading: 'events', align: 'right' },
      { heading: 'their sum', align: 'right' },
      { heading: 'counted', align: 'right' },
      { heading: 'in the package', align: 'right' },
    ],
    lines.map(({ meter, events: number, sum, counted, packaged }) => [
      meter,
      String(number),
      sum,
      counted,
      packaged ?? '',
    ]),
  );
}
