import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import {
  bookTurn,
  closeTurn,
  EMPTY_CALENDAR,
  openTurn,
  type QuotaCalendar,
  type TurnRequest,
} from '../../../lib/quota/calendar.ts';
import { ARRIVAL_TOLERANCE } from '../../../lib/quota/history.ts';
import { Pacer } from '../../../lib/quota/pacer.ts';
import { limitsOf, type Quota, type QuotaWindow, type RequestKind } from '../../../lib/quota/quota.ts';
import { VirtualTime } from '../../fixtures/virtual-time.ts';

interface Arrival {
  kind: RequestKind;
  at: number;
}

/** How one sender behaves; times in milliseconds, lists are used over and over. */
interface SenderBehaviour {
  kind: RequestKind;
  clockAhead: number;
  concurrency: number;
  requests: number;
  latencies: number[];
  /** How long the token and the handshake take before a request leaves; 'untold' when nobody says that it left. */
  departures: (number | 'untold')[];
  /** How far into its latency, or into what is tolerated, a request arrives: 0 to 1. */
  lags: number[];
  /** How late it comes to its turns. */
  lateness: number;
  /** In which of its turns it crashes, and after how many requests. */
  crash: { turn: number; after: number } | undefined;
  longestTurn: number;
}

const REQUEST_TIMEOUT = 4_000;
/** A request that leaves this late is answered within its time-out still. */
const LATEST_DEPARTURE = 2_500;
const LONGEST_LATENCY = REQUEST_TIMEOUT - LATEST_DEPARTURE;

const windows = fc
  .uniqueArray(
    fc.record({ requests: fc.integer({ min: 1, max: 25 }), seconds: fc.constantFrom(1, 2, 5, 20, 60, 300) }),
    { selector: ({ seconds }) => seconds, maxLength: 2 },
  )
  .map((list): QuotaWindow[] => list);

const quota: fc.Arbitrary<Quota> = fc.record({ send: windows, status: windows, shared: windows });

const behaviour: fc.Arbitrary<SenderBehaviour> = fc.record({
  kind: fc.constantFrom<RequestKind>('send', 'status'),
  clockAhead: fc.integer({ min: -1_000, max: 1_000 }),
  concurrency: fc.integer({ min: 1, max: 6 }),
  requests: fc.integer({ min: 1, max: 40 }),
  latencies: fc.array(fc.integer({ min: 1, max: LONGEST_LATENCY }), { minLength: 1, maxLength: 8 }),
  departures: fc.array(
    fc.oneof(fc.constant(0), fc.integer({ min: 1, max: LATEST_DEPARTURE }), fc.constant('untold' as const)),
    { minLength: 1, maxLength: 8 },
  ),
  lags: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 }),
  lateness: fc.integer({ min: 0, max: 20_000 }),
  crash: fc.option(fc.record({ turn: fc.integer({ min: 0, max: 2 }), after: fc.integer({ min: 0, max: 15 }) }), {
    nil: undefined,
  }),
  longestTurn: fc.constantFrom(2_000, 30_000, 300_000),
});

test('no window ever holds more requests than it may, as the API sees them, also when senders sleep, lag or crash', async () => {
  await fc.assert(
    fc.asyncProperty(quota, fc.array(behaviour, { minLength: 1, maxLength: 3 }), async (limits, senders) => {
      const arrivals = await arrivalsOf(limits, senders);
      expect(worstExcess(arrivals, limits)).toBe(0);
    }),
    { numRuns: 150 },
  );
}, 120_000);

test('a short window is kept although requests take a while to leave and to arrive', async () => {
  const busy = fc.record({
    kind: fc.constant<RequestKind>('send'),
    clockAhead: fc.constant(0),
    concurrency: fc.integer({ min: 1, max: 4 }),
    requests: fc.constant(80),
    latencies: fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 3, maxLength: 8 }),
    departures: fc.array(fc.constantFrom(0, 0, 0, 1, 40, 200), { minLength: 1, maxLength: 8 }),
    lags: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 3, maxLength: 8 }),
    lateness: fc.constant(0),
    crash: fc.constant(undefined),
    longestTurn: fc.constant(300_000),
  });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 5, max: 25 }), busy, async (requests, sender) => {
      const limits: Quota = { send: [{ requests, seconds: 1 }], status: [], shared: [] };
      expect(worstExcess(await arrivalsOf(limits, [sender]), limits)).toBe(0);
    }),
    { numRuns: 60 },
  );
}, 120_000);

test('all of it is sent in the end', async () => {
  await fc.assert(
    fc.asyncProperty(quota, fc.array(behaviour, { minLength: 1, maxLength: 3 }), async (limits, senders) => {
      const arrivals = await arrivalsOf(
        limits,
        senders.map((sender) => ({ ...sender, crash: undefined })),
      );
      expect(arrivals.length).toBe(senders.reduce((sum, { requests }) => sum + requests, 0));
    }),
    { numRuns: 50 },
  );
}, 120_000);

/** Plays the senders against one calendar and tells when their requests were truly there. */
async function arrivalsOf(limits: Quota, senders: SenderBehaviour[]): Promise<Arrival[]> {
  const time = new VirtualTime();
  const arrivals: Arrival[] = [];
  const shared = { calendar: EMPTY_CALENDAR as QuotaCalendar };
  await time.run(Promise.all(senders.map((sender, index) => play(sender, index, limits, time, shared, arrivals))));
  return arrivals;
}

async function play(
  sender: SenderBehaviour,
  index: number,
  quotaOfApi: Quota,
  time: VirtualTime,
  shared: { calendar: QuotaCalendar },
  arrivals: Arrival[],
): Promise<void> {
  const clock = time.clock(sender.clockAhead);
  const moment = () => ({ quota: quotaOfApi, now: clock.now(), clock: `clock-${index}` });
  let left = sender.requests;
  let sequence = 0;
  for (let turnNumber = 0; left > 0; turnNumber++) {
    const request: TurnRequest = { id: `sender-${index}`, kind: sender.kind, requests: left };
    const opened = openTurn(shared.calendar, request, moment(), {
      longest: sender.longestTurn,
      requestTimeout: REQUEST_TIMEOUT,
    });
    shared.calendar = opened.calendar;
    if ('waitUntil' in opened) {
      await clock.sleep(opened.waitUntil - clock.now() + (sequence % 3) * sender.lateness);
      sequence += 1;
      continue;
    }
    const pacer = new Pacer(opened.turn, opened.calendar.past, quotaOfApi, clock);
    const crashesAfter = sender.crash?.turn === turnNumber ? sender.crash.after : Number.POSITIVE_INFINITY;
    let sentInTurn = 0;
    const worker = async (): Promise<void> => {
      while (left > 0 && sentInTurn < crashesAfter) {
        left -= 1;
        const departure = await pacer.next();
        if (typeof departure === 'string') {
          left += 1;
          return;
        }
        sentInTurn += 1;
        const latency = sender.latencies[sequence % sender.latencies.length] ?? 1;
        const lag = sender.lags[sequence % sender.lags.length] ?? 0;
        const leavesAfter = sender.departures[sequence % sender.departures.length] ?? 0;
        sequence += 1;
        if (leavesAfter === 'untold') {
          arrivals.push({ kind: sender.kind, at: time.now() + lag * latency });
        } else {
          if (leavesAfter > 0) await clock.sleep(leavesAfter);
          departure.left();
          arrivals.push({
            kind: sender.kind,
            at: time.now() + lag * Math.min(latency, tolerated(quotaOfApi, sender.kind)),
          });
        }
        await clock.sleep(latency);
        departure.answered();
      }
    };
    await Promise.all(Array.from({ length: sender.concurrency }, worker));
    // A crashed sender leaves its turn open, and its next attempt comes back for it.
    if (sentInTurn >= crashesAfter) continue;
    shared.calendar = closeTurn(
      shared.calendar,
      opened.turn,
      { sent: pacer.sent, answered: true, failuresInARow: 0 },
      moment(),
    );
    if (left > 0) {
      const booked = bookTurn(shared.calendar, { ...request, requests: left }, moment());
      shared.calendar = booked.calendar;
      await clock.sleep(booked.startsAt - clock.now());
    }
  }
}

/** The longest time under way that the calendar takes into account for warm connections. */
function tolerated(quotaOfApi: Quota, kind: RequestKind): number {
  return Math.min(...limitsOf(quotaOfApi, kind).map(({ milliseconds }) => milliseconds * ARRIVAL_TOLERANCE), 1e6);
}

/** Looks at every window that ends with an arrival, both ends included: how many too many the worst one held. */
function worstExcess(arrivals: readonly Arrival[], limits: Quota): number {
  let worst = 0;
  for (const { kinds, requests, milliseconds } of limitsOf(limits)) {
    const times = arrivals.filter(({ kind }) => kinds.includes(kind)).map(({ at }) => at);
    for (const end of times) {
      const held = times.filter((at) => at >= end - milliseconds && at <= end).length;
      worst = Math.max(worst, held - requests);
    }
  }
  return worst;
}
