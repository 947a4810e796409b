import { HalfmonthError } from './halfmonth-error.ts';

/** Something was written by a newer version of Halfmonth than this one. It is left as it is. */
export class UnknownVersion extends HalfmonthError {
  readonly code = 'UNKNOWN_VERSION';
  readonly version: number;

  constructor(what: string, version: number, known: number) {
    super(
      `${what} has schemaVersion ${version}, and this version of Halfmonth knows ${known} and before: it was written by a ` +
        'newer one, which has been replaced by an older one since. Nothing was changed. Deploy the newer one again, then ' +
        'redrive the execution.',
    );
    this.version = version;
  }
}

/**
 * Refuses what a newer version has written.
 * @param version what stands in it; nothing means 1, which items do not carry
 * @throws UnknownVersion
 */
export function assertKnownVersion(what: string, version: unknown, known = 1): void {
  if (typeof version === 'number' && version > known) throw new UnknownVersion(what, version, known);
}
