import { MeterReader } from '../../lib/store/meter-reader.ts';
import type { Context } from '../connection/context.ts';
import { METER_COLUMNS, meterRow } from '../meters/meter-words.ts';

/** Lists what is known of meters. */
export async function run(context: Context): Promise<undefined> {
  const { output } = context;
  const cloud = await context.cloud();
  const meters = await new MeterReader(cloud.tables).list();
  output.result({ command: 'meters', target: cloud.target, meters });
  output.table(METER_COLUMNS, meters.map(meterRow));
  if (meters.length === 0) output.line('No meter is registered: every meter is a sum of any quantities.');
}
