import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { z } from 'zod';
import { isMeter } from '../../lib/events/consumption-event.ts';
import { type MeterDefinition, meterSchema } from '../../lib/meters/meter.ts';
import { CommandFailed } from '../terminal/errors.ts';

const fileSchema = z.strictObject({ meters: z.record(z.string(), z.unknown()) });

/**
 * Reads a file of meters: YAML with `meters`, by name. Nothing of a file with a fault is used.
 * @throws CommandFailed naming every fault
 */
export async function readMeterFile(path: string): Promise<Map<string, MeterDefinition>> {
  const faults: string[] = [];
  const definitions = new Map<string, MeterDefinition>();
  try {
    const file = fileSchema.safeParse(parse(await readFile(path, 'utf8')));
    faults.push(...(file.error?.issues ?? []).map(({ path: at, message }) => `${at.join('.') || '(top)'}: ${message}`));
    for (const [name, given] of Object.entries(file.data?.meters ?? {})) {
      if (!isMeter(name)) faults.push(`meters.${name}: is not the name of a meter`);
      const definition = meterSchema.safeParse(given ?? {});
      for (const issue of definition.error?.issues ?? []) {
        faults.push(`${['meters', name, ...issue.path].join('.')}: ${issue.message}`);
      }
      if (definition.success) definitions.set(name, definition.data);
    }
  } catch (error) {
    faults.push(error instanceof Error ? error.message : String(error));
  }
  if (faults.length === 0) return definitions;
  throw new CommandFailed(
    'METER_FILE',
    `${path} cannot be used, and nothing of it was. It is YAML with the meters by name under "meters":\n` +
      faults.map((fault) => `  ${fault}`).join('\n'),
  );
}
