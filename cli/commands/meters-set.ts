import { METER_FIELDS, type MeterDefinition } from '../../lib/meters/meter.ts';
import { parseMeter } from '../../lib/meters/meter-registration.ts';
import { KNOWN_FOR_MILLISECONDS } from '../../lib/meters/meter-registry.ts';
import { MeterReader } from '../../lib/store/meter-reader.ts';
import type { Context } from '../connection/context.ts';
import { readMeterName } from '../meters/meter-names.ts';
import { METER_COLUMNS, meterRow } from '../meters/meter-words.ts';
import { registerMeters } from '../meters/registration.ts';
import { WrongUsage } from '../terminal/errors.ts';

/** Registers a meter; what is not said stays as it was. */
export async function run(
  context: Context,
  given: string,
  options: Partial<MeterDefinition> & { without?: string[] },
): Promise<undefined> {
  const { output } = context;
  const name = readMeterName(given);
  assertFields(options.without ?? []);
  const cloud = await context.cloud();
  const [known] = (await new MeterReader(cloud.tables).history(name)).slice(-1);
  const { version: _version, registeredAt: _registeredAt, name: _name, ...before } = known ?? {};
  const { kind, unit, sign, minimum, maximum, decimals, activeFrom, activeUntil, without = [] } = options;
  const said = { kind, unit, sign, minimum, maximum, decimals, activeFrom, activeUntil };
  const wanted = Object.entries({ ...before, ...definedOf(said) }).filter(([field]) => !without.includes(field));
  const definition = parseMeter(name, Object.fromEntries(wanted));
  const [registered] = await registerMeters(cloud, [{ name, definition, known }]);
  output.result({
    command: 'meters set',
    target: cloud.target,
    changed: registered !== undefined,
    meter: registered ?? known,
  });
  if (!registered) {
    output.line(`${name} is registered so already.`);
    return;
  }
  output.table(METER_COLUMNS, [meterRow(registered)]);
  output.line(`Every function goes by it within ${KNOWN_FOR_MILLISECONDS / 1000} seconds.`);
}

function assertFields(without: readonly string[]): void {
  const fields: readonly string[] = METER_FIELDS;
  const unknown = without.filter((field) => !fields.includes(field));
  if (unknown.length === 0) return;
  throw new WrongUsage(`A meter has no ${unknown.join(', ')} to be without: name some of ${fields.join(', ')}.`);
}

function definedOf(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
