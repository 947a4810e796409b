import type { BillingCalendar } from '../lib/periods/days.ts';
import { daysOfPeriod, type Period } from '../lib/periods/periods.ts';
import { Random } from '../local/start/random.ts';

/** What a producer puts on the queue, in two waves: before the period is closed, and late. */
export interface RehearsedUsage {
  waves: { bodies: string[] }[];
  /**
   * What must be billed after each wave, by client and meter, in units of 10^-12. Added up here with nothing of the
   * product, so that a fault of its arithmetic is not in both.
   */
  expected: Map<string, Map<string, bigint>>[];
  /** Elements of messages that can never be counted, up to and with each wave. */
  hostile: number[];
  /** Distinct events. */
  events: number;
}

const DIGITS = 12;
const METERS = ['api_calls', 'egress_gb', 'kwh', '__proto__x', 'a.b-c'];
const RATES = { repeated: 60, redelivered: 60, late: 120, hostile: 40 };

/** Bodies that nobody can count, as they are met in the field. */
const HOSTILE = [
  'not JSON',
  '{"specversion":"1.0"}',
  '"text"',
  '{"specversion":"1.0","id":"x","source":"s","type":"t","subject":"","time":"yesterday","data":{}}',
  '{"a":'.repeat(50),
];

/** A number with up to 12 decimals as whole units of 10^-12. */
export function unitsOf(decimal: string): bigint {
  const [whole = '0', fraction = ''] = decimal.replace('-', '').split('.');
  const units = BigInt(whole) * 10n ** BigInt(DIGITS) + BigInt(fraction.padEnd(DIGITS, '0').slice(0, DIGITS));
  return decimal.startsWith('-') ? -units : units;
}

/** Makes the usage of a seed. @param clients how many customers; each has `eventsPerClient` events at first */
export function usageOf(
  seed: number,
  {
    period,
    calendar,
    clients,
    eventsPerClient,
  }: {
    period: Period;
    calendar: BillingCalendar;
    clients: number;
    eventsPerClient: number;
  },
): RehearsedUsage {
  const random = new Random(seed ^ 0x5eed);
  const days = daysOfPeriod(period);
  const waves: RehearsedUsage['waves'] = [];
  const expected: RehearsedUsage['expected'] = [];
  const sums = new Map<string, Map<string, bigint>>();
  let made = 0;
  const hostile: number[] = [];
  for (const wave of [0, 1]) {
    const texts: string[] = [];
    for (let client = 0; client < clients; client++) {
      // Late usage comes from some.
      if (wave === 1 && client % 3 !== 0) continue;
      const subject = `client-${client}`;
      const events = wave === 0 ? eventsPerClient : Math.ceil(eventsPerClient / 4);
      for (let count = 0; count < events; count++) {
        const quantity = random.happens(500) ? random.digits(random.integer(1, 6)) : `0.${random.digits(DIGITS)}`;
        const meter = random.pick(METERS);
        const instant = calendar.startOfDay(random.pick(days)) + random.integer(0, 86_399_999 - 7_200_000);
        const ofClient = sums.get(subject) ?? new Map<string, bigint>();
        sums.set(subject, ofClient.set(meter, (ofClient.get(meter) ?? 0n) + unitsOf(quantity)));
        const text = JSON.stringify({
          specversion: '1.0',
          id: `${seed}-${++made}`,
          source: '/rehearsal',
          type: 'usage',
          subject,
          time: new Date(instant).toISOString(),
          data: { meter, quantity },
        });
        texts.push(text);
        if (random.happens(RATES.repeated)) texts.push(text);
        if (random.happens(RATES.redelivered)) texts.splice(random.integer(0, texts.length), 0, text);
      }
    }
    const { bodies, refused } = bodiesOf(texts, random);
    hostile.push((hostile.at(-1) ?? 0) + refused);
    waves.push({ bodies });
    expected.push(new Map([...sums].map(([subject, meters]) => [subject, new Map(meters)])));
  }
  return { waves, expected, hostile, events: made };
}

/** Cuts events into messages in a random order: alone, in arrays, and with hostile bodies among them. */
function bodiesOf(texts: readonly string[], random: Random): { bodies: string[]; refused: number } {
  const left = [...texts];
  const bodies: string[] = [];
  let refused = 0;
  while (left.length > 0) {
    const taken = Array.from({ length: random.integer(1, 30) }, () =>
      left.splice(random.integer(0, Math.max(0, left.length - 1)), 1),
    ).flat();
    if (random.happens(RATES.hostile)) {
      bodies.push(random.pick(HOSTILE));
      refused += 1;
    }
    bodies.push(taken.length === 1 && taken[0] !== undefined ? taken[0] : `[${taken.join(',')}]`);
  }
  return { bodies, refused };
}
