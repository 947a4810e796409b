import { parseArgs } from 'node:util';
import { isProfileName, PROFILE_NAMES, type ProfileName } from '../local/invoice-api-simulator/profiles.ts';
import { Random } from '../local/start/random.ts';
import { type FaultPlan, faultPlanOf, kindsOf, without } from './faults.ts';
import { type RehearsalResult, rehearse } from './rehearsal.ts';

const USAGE = `npm run -s rehearse -- [--seed N] [--runs N] [--profile P] [--intensity F] [--clients N] [--events N] [--json]

Puts the complete service, as packaged, through faults of DynamoDB, Lambda, Step Functions, SQS and the invoice API, and
holds what was billed against what was produced, to the last digit. Ends with 1 when anything is wrong.

  --seed N       the first seed (default: 1); each further run takes the next
  --runs N       how many (default: 1)
  --profile P    the face of the invoice API: ${PROFILE_NAMES.join(', ')} (default: by seed)
  --intensity F  how much goes wrong: 1 as usual, 0 nothing (default: 1)
  --clients N    customers in each run (default: 12)
  --events N     events of each customer (default: 40)
  --shrink       after a failure, leave out one kind of fault after the other and say which are needed
  --json         one line of JSON a run

Example: npm run -s rehearse -- --runs 20`;

/** An option that cannot be used. */
class WrongOption extends Error {}

interface Options {
  seed: number;
  runs: number;
  profile: ProfileName | undefined;
  intensity: number;
  clients: number;
  events: number;
  shrink: boolean;
  json: boolean;
}

try {
  const options = readOptions();
  if (options) process.exitCode = await rehearseAll(options);
} catch (error) {
  console.error(error instanceof WrongOption ? `error: ${error.message}\n\n${USAGE}` : error);
  process.exitCode = error instanceof WrongOption ? 2 : 1;
}
// A wait that was given up in virtual time may have hours left on the machine's clock: nothing is gained by its end.
process.stdout.write('', () => process.exit());

function readOptions(): Options | undefined {
  let values: Record<string, string | boolean | undefined>;
  try {
    const text = { type: 'string' } as const;
    const yes = { type: 'boolean' } as const;
    ({ values } = parseArgs({
      options: {
        ...{ seed: text, runs: text, profile: text, intensity: text, clients: text, events: text },
        ...{ shrink: yes, json: yes, help: yes },
      },
    }));
  } catch (error) {
    throw new WrongOption(error instanceof Error ? error.message : String(error));
  }
  if (values.help) {
    console.log(USAGE);
    return undefined;
  }
  const whole = (name: string, byDefault: number, least: number): number => {
    const given = values[name];
    if (given === undefined) return byDefault;
    const number = Number(given);
    if (Number.isSafeInteger(number) && number >= least && number < 2 ** 31) return number;
    throw new WrongOption(`--${name} must be a whole number of at least ${least}, and is ${JSON.stringify(given)}`);
  };
  const intensity = Number(values.intensity ?? 1);
  if (!(intensity >= 0 && intensity <= 10)) throw new WrongOption('--intensity must be a number from 0 to 10');
  return {
    seed: whole('seed', 1, 0),
    runs: whole('runs', 1, 1),
    profile: profileOf(values.profile),
    intensity,
    clients: whole('clients', 12, 1),
    events: whole('events', 40, 1),
    shrink: values.shrink === true,
    json: values.json === true,
  };
}

function profileOf(given: string | boolean | undefined): ProfileName | undefined {
  if (given === undefined) return undefined;
  if (typeof given === 'string' && isProfileName(given)) return given;
  throw new WrongOption(`--profile must be one of ${PROFILE_NAMES.join(', ')}, and is ${JSON.stringify(given)}`);
}

/** Every face gets its turn. */
function profileOfSeed(seed: number): ProfileName {
  // The keys of PROFILES.
  return new Random(seed ^ 0x9f).pick(PROFILE_NAMES) as ProfileName;
}

async function rehearseAll({
  seed: first,
  runs,
  profile,
  intensity,
  clients,
  events,
  shrink,
  json,
}: Options): Promise<number> {
  const failed: number[] = [];
  for (let seed = first; seed < first + runs; seed++) {
    const plan = faultPlanOf(seed, intensity);
    const play = (each: FaultPlan) =>
      rehearse({ seed, plan: each, profile: profile ?? profileOfSeed(seed), clients, eventsPerClient: events });
    const result = await play(plan);
    console.log(json ? JSON.stringify(result) : wordsOf(result));
    if (result.findings.length === 0) continue;
    failed.push(seed);
    if (shrink) console.log(`seed ${seed} needs: ${kindsOf(await shrunk(plan, play)).join(', ') || 'no fault at all'}`);
  }
  if (json) return failed.length > 0 ? 1 : 0;
  console.log(
    failed.length === 0
      ? `${runs} rehearsed, nothing lost, nothing billed twice`
      : `${failed.length} of ${runs} went wrong; the same again: npm run -s rehearse -- --seed ${failed[0]}`,
  );
  return failed.length > 0 ? 1 : 0;
}

/** Leaves out every kind without which it fails all the same. */
async function shrunk(plan: FaultPlan, play: (plan: FaultPlan) => Promise<RehearsalResult>): Promise<FaultPlan> {
  let least = plan;
  for (const kind of kindsOf(plan)) {
    const fewer = without(least, kind);
    if ((await play(fewer)).findings.length > 0) least = fewer;
  }
  return least;
}

function wordsOf({ seed, profile, kinds, happened, history, events, seconds, findings }: RehearsalResult): string {
  const faults = Object.entries(happened).map(([kind, times]) => `${kind} ${times}`);
  return [
    `seed ${seed}, ${profile}: ${events} events, ${seconds} s, ${findings.length === 0 ? 'right' : 'WRONG'}`,
    `  planned   ${kinds.join(', ') || 'nothing'}`,
    `  happened  ${faults.join(', ') || 'nothing'}`,
    `  operator  ${history.join(', ')}`,
    ...findings.map((finding) => `  finding   ${finding}`),
  ].join('\n');
}
