import type { Departure } from '../quota/pacer.ts';

/** Makes a request and says when its bytes have left: after the event loop has been round twice, they are written. */
export function departing<Outcome>(departure: Departure, request: () => Promise<Outcome>): Promise<Outcome> {
  const outcome = request();
  setImmediate(() => setImmediate(() => departure.left()));
  return outcome;
}
