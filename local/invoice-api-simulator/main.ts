import { parseArgs } from 'node:util';
import type { Quota } from '../../lib/quota/quota.ts';
import { type FaultRates, isProfileName, NO_FAULTS, PROFILE_NAMES, windowsOf } from './profiles.ts';
import { type SimulatorOptions, startInvoiceApiSimulator } from './simulator.ts';

const USAGE = `Starts an invoice API on 127.0.0.1 that speaks the contract of docs/invoice-api.openapi.yaml.

  node local/invoice-api-simulator/main.ts --api-profile demo --port 4010

  --api-profile NAME  ${PROFILE_NAMES.join(', ')} (default demo)
  --port N            default: any free one
  --seed N            decides what befalls each package (default 1)
  --time-scale N      so many of its seconds pass in one of ours (default 1)
  --quota WINDOWS     requests/seconds shared by sends and status reads, such as 60/60,5000/86400, or none
  --send-quota, --status-quota WINDOWS    the same for one kind alone
  --fault NAME=SHARE  more of a fault, such as slowBody=0.01; may be repeated. Names:
                      ${Object.keys(NO_FAULTS).join(', ')}
  --token TOKEN       the one bearer token that is let in (default: any)

GET /simulator/report says what it has seen; add ?clients=true for the totals of each client. Ctrl-C ends it.
`;

try {
  await main();
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\nSee --help.\n`);
  process.exitCode = 2;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      'api-profile': { type: 'string', default: 'demo' },
      port: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'time-scale': { type: 'string', default: '1' },
      quota: { type: 'string' },
      'send-quota': { type: 'string' },
      'status-quota': { type: 'string' },
      fault: { type: 'string', multiple: true, default: [] },
      token: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  const { 'api-profile': profile, token } = values;
  if (!isProfileName(profile))
    throw new Error(`There is no profile "${profile}"; there are ${PROFILE_NAMES.join(', ')}.`);
  const quota = quotaOf({ shared: values.quota, send: values['send-quota'], status: values['status-quota'] });
  await serve({
    profile,
    seed: numberOf('--seed', values.seed),
    port: values.port === undefined ? 0 : numberOf('--port', values.port),
    timeScale: numberOf('--time-scale', values['time-scale']),
    faults: Object.fromEntries(values.fault.map(faultOf)),
    ...(quota ? { quota } : {}),
    ...(token === undefined ? {} : { token }),
  });
}

async function serve(options: SimulatorOptions): Promise<void> {
  const simulator = await startInvoiceApiSimulator(options);
  process.stdout.write(
    `${options.profile} invoice API at ${simulator.url}, report at ${simulator.url}/simulator/report\n`,
  );
  const end = (): void => {
    process.stdout.write(`${JSON.stringify(simulator.report(), null, 2)}\n`);
    void simulator.stop();
  };
  process.once('SIGINT', end);
  process.once('SIGTERM', end);
}

/** Undefined when no option names a window: the profile's own quota then holds. */
function quotaOf(texts: Record<keyof Quota, string | undefined>): Partial<Quota> | undefined {
  const { send, status, shared } = texts;
  if (send === undefined && status === undefined && shared === undefined) return undefined;
  return { send: windowsOf(send ?? 'none'), status: windowsOf(status ?? 'none'), shared: windowsOf(shared ?? 'none') };
}

function faultOf(text: string): [keyof FaultRates, number] {
  const [name = '', share = ''] = text.split('=');
  const rate = numberOf(`--fault ${text}`, share);
  if (!isFault(name) || rate > 1) throw new Error(`--fault ${text}: write NAME=SHARE with a share from 0 to 1.`);
  return [name, rate];
}

function isFault(name: string): name is keyof FaultRates {
  return Object.hasOwn(NO_FAULTS, name);
}

function numberOf(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value) || value < 0) throw new Error(`${option}: "${text}" is no number.`);
  return value;
}
