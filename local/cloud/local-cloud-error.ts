/** The root of the errors that the local cloud throws on purpose; the message says what to do. */
export abstract class LocalCloudError extends Error {
  /** Stable, machine-readable, in UPPER_SNAKE_CASE. */
  abstract readonly code: string;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}
