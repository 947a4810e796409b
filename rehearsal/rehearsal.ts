import { BillingCalendar } from '../lib/periods/days.ts';
import { lastEndedPeriod } from '../lib/periods/periods.ts';
import { sendMessages } from '../lib/queues/send-messages.ts';
import type { ProfileName } from '../local/invoice-api-simulator/profiles.ts';
import { untilDrained } from '../local/start/queue-drained.ts';
import { Random } from '../local/start/random.ts';
import { type FaultPlan, kindsOf } from './faults.ts';
import { Operator } from './operator.ts';
import { type RehearsedService, startRehearsedService } from './rehearsed-service.ts';
import { virtualTime } from './time/main.ts';
import { usageOf } from './usage.ts';
import { findingsOf } from './verdict.ts';

/** One rehearsal: the whole system, from events to the certificate, while things go wrong. */
export interface RehearsalOptions {
  seed: number;
  plan: FaultPlan;
  /** The face of the invoice API. */
  profile: ProfileName;
  clients: number;
  eventsPerClient: number;
}

/** What came of it. */
export interface RehearsalResult {
  seed: number;
  profile: ProfileName;
  /** The kinds of faults that were planned. */
  kinds: string[];
  /** How often each kind on the wire and at Tasks did happen. */
  happened: Record<string, number>;
  /** What the operator did, in order. */
  history: string[];
  events: number;
  /** Seconds of virtual time. */
  seconds: number;
  /** Everything that is wrong; empty when all is right. */
  findings: string[];
}

const LONGEST_COUNTING_MILLISECONDS = 86_400_000;

/** Plays a rehearsal. Never throws for what it finds, and leaves no process and no folder behind. */
export async function rehearse(options: RehearsalOptions): Promise<RehearsalResult> {
  const startedAt = Date.now();
  const rehearsed = await startRehearsedService(options.seed, options.profile);
  const random = new Random(options.seed ^ 0x0b);
  const operator = new Operator(rehearsed.service, random, rehearsed.setFaults);
  const findings: string[] = [];
  let events = 0;
  virtualTime.release();
  try {
    events = await play(rehearsed, operator, options, findings);
  } catch (error) {
    findings.push(error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  } finally {
    virtualTime.hold();
    rehearsed.setFaults(undefined);
    await rehearsed.stop();
  }
  const happened = Object.fromEntries([
    ...rehearsed.dynamodb.happened,
    ...rehearsed.tasks.happened,
    ...rehearsed.apiFaults.happened,
    ['functionsKilled', rehearsed.killed()],
  ]);
  return {
    seed: options.seed,
    profile: options.profile,
    kinds: kindsOf(options.plan),
    happened,
    history: operator.history,
    events,
    seconds: Math.round((Date.now() - startedAt) / 100) / 10,
    findings,
  };
}

async function play(
  rehearsed: RehearsedService,
  operator: Operator,
  { seed, plan, clients, eventsPerClient }: RehearsalOptions,
  findings: string[],
): Promise<number> {
  const { service } = rehearsed;
  const calendar = new BillingCalendar('UTC', 5);
  const period = lastEndedPeriod(Date.now(), calendar);
  const usage = usageOf(seed, { period, calendar, clients, eventsPerClient });
  for (const [wave, { bodies }] of usage.waves.entries()) {
    rehearsed.setFaults(plan);
    const signal = AbortSignal.timeout(LONGEST_COUNTING_MILLISECONDS);
    await sendMessages(service.sqs, service.queues.events, bodies, () => {}, signal);
    await untilDrained(service.sqs, service.queues.events, () => {}, signal);
    await operator.close(period.id, plan);
    rehearsed.setFaults(undefined);
    await rehearsed.tasks.settled();
    const expected = usage.expected[wave];
    if (!expected) throw new RangeError('a wave without an expectation');
    const found = await findingsOf(rehearsed, { period, expected, hostile: usage.hostile[wave] ?? 0 });
    findings.push(...found.map((finding) => `after ${wave === 0 ? 'the closing' : 'late usage'}: ${finding}`));
    if (found.length > 0) break;
  }
  return usage.events;
}
