import { HalfmonthError } from '../../lib/errors/halfmonth-error.ts';

/** The command was called in a way that it does not understand. Nothing was done. */
export class WrongUsage extends HalfmonthError {
  readonly code = 'WRONG_USAGE';
}

/** The command could not do its work; the message says what failed, why, and what to try next. */
export class CommandFailed extends HalfmonthError {
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
