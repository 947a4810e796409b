import { KNOWN_FOR_MILLISECONDS } from '../../lib/meters/meter-registry.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import type { Context } from '../connection/context.ts';
import { readMeterFile } from '../meters/meter-file.ts';
import { METER_COLUMNS, meterRow } from '../meters/meter-words.ts';
import { registerMeters } from '../meters/registration.ts';
import { plural } from '../terminal/words.ts';

/** Registers the meters of a file, as the file says and no otherwise; meters that are not in it stay as they are. */
export async function run(context: Context, file: string): Promise<undefined> {
  const { output } = context;
  const definitions = await readMeterFile(file);
  const cloud = await context.cloud();
  const known = new Map((await new MeterReader(cloud.tables).list()).map((meter) => [meter.name, meter]));
  const wanted = [...definitions].map(([name, definition]) => ({ name, definition, known: known.get(name) }));
  const registered = await registerMeters(cloud, wanted);
  const others = [...known.keys()].filter((name) => !definitions.has(name));
  output.result({ command: 'meters import', target: cloud.target, meters: definitions.size, registered, others });
  output.table(METER_COLUMNS, registered.map(meterRow));
  output.line(
    registered.length === 0
      ? `${plural(definitions.size, 'meter')}, all registered so already.`
      : `${registered.length} of ${plural(definitions.size, 'meter')} changed. Every function goes by it within ` +
          `${KNOWN_FOR_MILLISECONDS / 1000} seconds.`,
  );
  if (others.length > 0) output.note(`Registered, and not in ${file}: ${others.join(', ')}.`);
}
