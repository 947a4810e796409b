/**
 * What a person can do about an error, as data: who shows it knows how it is typed or clicked. The error's own text
 * says the same in words, for those who read it in the console of Step Functions.
 */
export type Remedy =
  | { task: 'list-packages'; periodId: string; states: readonly string[] }
  | { task: 'release-rejected'; periodId: string }
  | { task: 'explain-client'; periodId: string };

/**
 * The root of every error this project throws on purpose. `name` is what Step Functions matches in `ErrorEquals`,
 * `code` is stable for people and programs, and subclasses add the fields of their domain.
 */
export abstract class HalfmonthError extends Error {
  /** Stable, machine-readable, in UPPER_SNAKE_CASE: the class's name in capitals. */
  abstract readonly code: string;
  /** In the order in which to try them. */
  readonly remedies: readonly Remedy[] = [];

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    // The class's own name is another one in a minified bundle, and ErrorEquals would match nothing.
    Object.defineProperty(this, 'name', { get: () => nameOf(this.code), configurable: true });
  }
}

/** `PACKAGES_PARKED` is `PackagesParked`. */
function nameOf(code: string): string {
  return code.toLowerCase().replace(/(?:^|_)(.)/g, (_match, first: string) => first.toUpperCase());
}

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
