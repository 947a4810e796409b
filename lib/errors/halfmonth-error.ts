/**
 * The root of every error this project throws on purpose. `name` is what Step Functions matches in `ErrorEquals`,
 * `code` is stable for people and programs, and subclasses add the fields of their domain.
 */
export abstract class HalfmonthError extends Error {
  /** Stable, machine-readable, in UPPER_SNAKE_CASE: the class's name in capitals. */
  abstract readonly code: string;

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
