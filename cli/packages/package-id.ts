import { isClientId } from '../../lib/events/consumption-event.ts';
import { type PeriodId, periodOf } from '../../lib/periods/periods.ts';
import { WrongUsage } from '../terminal/errors.ts';

/** What a package id names. */
export interface NamedPackage {
  periodId: PeriodId;
  clientId: string;
  part: number;
}

/** Reads `<period>.<client>`, or `<period>.<client>~<part>`. @throws WrongUsage, InvalidPeriod */
export function readPackageId(id: string): NamedPackage {
  const [, period, clientId, part = '1'] = /^([^.]*)\.([^~]+)(?:~([1-9]\d*))?$/.exec(id) ?? [];
  if (!period || !isClientId(clientId)) {
    throw new WrongUsage(`"${id}" is not a package id: write the period and the client, as in 2026-11-H1.acme.`);
  }
  return { periodId: periodOf(period).id, clientId, part: Number(part) };
}

/** A client's id, checked. @throws WrongUsage */
export function readClientId(id: string): string {
  if (isClientId(id)) return id;
  throw new WrongUsage(`"${id}" is not a client id: 1 to 128 letters, digits and . _ : @ | / + = -`);
}
