import { MeterReader } from '../../lib/store/meter-reader.ts';
import type { Context } from '../connection/context.ts';
import { readMeterName } from '../meters/meter-names.ts';
import { METER_COLUMNS, meterRow } from '../meters/meter-words.ts';
import type { ExitCode } from '../terminal/exit-codes.ts';

/** Shows one meter with its history, the newest first. */
export async function run(context: Context, given: string): Promise<ExitCode | undefined> {
  const { output } = context;
  const name = readMeterName(given);
  const cloud = await context.cloud();
  const history = (await new MeterReader(cloud.tables).history(name)).reverse();
  output.result({ command: 'meters show', target: cloud.target, name, meter: history[0] ?? null, history });
  output.table(METER_COLUMNS, history.map(meterRow));
  if (history.length > 0) return undefined;
  output.line(`${name} is not registered: it is a sum of any quantities.`);
  return 3;
}
