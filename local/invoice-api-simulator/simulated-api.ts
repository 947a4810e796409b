import type { CheckedBody } from './body-check.ts';
import type { Books } from './books.ts';
import type { Gate } from './gate.ts';
import type { IdempotencyKeys } from './keys.ts';
import type { FaultRates, Profile } from './profiles.ts';
import type { Draw } from './random.ts';
import type { ScaledClock } from './scaled-clock.ts';
import type { Tally } from './tally.ts';

/** All that one simulated API is made of. */
export interface SimulatedApi {
  profile: Profile;
  clock: ScaledClock;
  startedAt: number;
  draw: Draw;
  gate: Gate;
  books: Books;
  keys: IdempotencyKeys;
  tally: Tally;
  checkBody: (text: string) => CheckedBody;
  /** May change while it runs. */
  faults: FaultRates;
  /** Only so many attempts of one key may go wrong. */
  faultyAttempts: number;
  token: string | undefined;
  decimalRetryAfter: boolean;
}
