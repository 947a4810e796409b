/**
 * The root of every error this project throws on purpose. `name` is what Step Functions matches in `ErrorEquals`,
 * `code` is stable for people and programs, and subclasses add the fields of their domain.
 */
export abstract class HalfmonthError extends Error {
  /** Stable, machine-readable, in UPPER_SNAKE_CASE. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
