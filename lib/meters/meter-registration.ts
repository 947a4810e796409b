import { HalfmonthError } from '../errors/halfmonth-error.ts';
import { type MeterDefinition, meterSchema } from './meter.ts';

/** A meter that has been counted by one kind is to get another. */
export class MeterKindFixed extends HalfmonthError {
  readonly code = 'METER_KIND_FIXED';
  readonly meter: string;

  constructor(meter: string, counted: string, wanted: string) {
    super(
      `${meter} is a ${counted} and has been counted as one, so it cannot become a ${wanted}: days that are closed would ` +
        `say something else than what was billed. Register a new meter, such as ${meter}_${wanted}, and send events of ` +
        'that one.',
    );
    this.meter = meter;
  }
}

/** What is said of a meter is no definition; names every fault. */
export class InvalidMeterDefinition extends HalfmonthError {
  readonly code = 'INVALID_METER_DEFINITION';

  constructor(meter: string, faults: readonly string[]) {
    super(`What is said of the meter ${meter} cannot be used, and nothing was changed: ${faults.join('; ')}.`);
  }
}

/** Checks what is said of a meter. @throws InvalidMeterDefinition */
export function parseMeter(name: string, given: unknown): MeterDefinition {
  const parsed = meterSchema.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new InvalidMeterDefinition(
    name,
    parsed.error.issues.map((issue) => `${issue.path.join('.') || 'it'} ${issue.message}`),
  );
}
