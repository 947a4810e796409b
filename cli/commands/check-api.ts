import type { RequestOptions } from '../../lib/invoice-api/invoice-api.ts';
import { bodyOf, contentOf, documentText } from '../../lib/packages/document.ts';
import { idempotencyKeyOf, packageIdOf } from '../../lib/packages/package.ts';
import { type Period, periodIdOfDay, periodOf } from '../../lib/periods/periods.ts';
import { turnIdOfCommand } from '../../lib/quota/turn-ids.ts';
import { inTurnAfterWaiting } from '../../lib/sending/turns.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { type CheckedPackage, type CheckedPoint, checkApi } from '../invoice-api/api-check.ts';
import { turnTaker, turnWaitWords } from '../invoice-api/api-turns.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';

const SIGNS = { holds: 'ok', fails: 'BAD', 'not-tried': 'look' } as const;
const COLOURS = { holds: 'green', fails: 'red', 'not-tried': 'yellow' } as const;

/** Options of `check-api`. */
export interface CheckApiOptions {
  client?: string;
}

/** Tries what billing relies on against the invoice API of a stage, and says what holds. */
export async function run(context: Context, { client }: CheckApiOptions): Promise<ExitCode> {
  const cloud = await context.cloud();
  const { output } = context;
  const adapter = await cloud.adapter();
  const customer = adapter ? await customerOf(cloud, client) : undefined;
  const period = periodOf(periodIdOfDay(cloud.calendar.dayOf(Date.now())));
  const meter = adapter?.meters.values().next().value ?? 'check_api';
  const packages = [1, 2].map((number) => smallPackage(period, cloud.calendar.timeZone, meter, number));
  const [first, second] = packages;
  if (!first || !second) throw new Error('two packages were made');
  const names = packages.map(({ id }) => id).join(' and ');
  output.line(`Two packages with 1 ${meter} each go to ${cloud.outputs.InvoiceApiUrl} and stay there: ${names}.`);
  output.line(`${customer === undefined ? 'It' : `The customer ${customer}`} may be billed for them: use a sandbox.`);
  if (!(await context.confirm('Send them?'))) {
    output.line('Nothing was done.');
    return EXIT.failed;
  }
  const customers = customer === undefined ? {} : { customers: { customerOf: async () => customer } };
  let breaking: AbortController | undefined;
  const api = await cloud.invoiceApi({
    ...customers,
    timeoutSignal: (milliseconds) => breaking?.signal ?? AbortSignal.timeout(milliseconds),
  });
  try {
    const points: CheckedPoint[] = [];
    const subject = {
      api,
      async breakOff<Outcome>(ask: (options: RequestOptions) => Promise<Outcome>): Promise<Outcome> {
        const controller = new AbortController();
        breaking = controller;
        try {
          return await ask({ onLeft: () => controller.abort(new DOMException('broken off', 'TimeoutError')) });
        } finally {
          breaking = undefined;
        }
      },
      packages: [first, second] as const,
      periodId: period.id,
      paced: <Outcome>(ask: () => Promise<Outcome>) => inOwnTurn(cloud, ask),
      settingChecks: 'settingChecks' in api ? api.settingChecks : [],
      lists: !adapter || adapter.list !== undefined,
    };
    for await (const found of checkApi(subject)) {
      points.push(found);
      const sign = output.style(COLOURS[found.result], SIGNS[found.result].padEnd(5));
      output.line(`${sign}${found.point}: ${found.words}`);
    }
    output.result({ command: 'check-api', target: cloud.target, packages: packages.map(({ id }) => id), points });
    return points.some(({ result }) => result === 'fails') ? EXIT.foundProblem : EXIT.done;
  } finally {
    api.close();
  }
}

async function customerOf(cloud: Cloud, client: string | undefined): Promise<string> {
  if (client === undefined) {
    throw new WrongUsage('This stage has an adapter, which bills customers: name whom to try it with, as --client ID.');
  }
  const customer = await new ClientStore(cloud.tables).customerOf(client);
  if (customer !== undefined) return customer;
  throw new CommandFailed(
    'NO_CUSTOMER',
    `Client ${client} has no customer at the invoice API: say who it is with halfmonth clients set ${client} --customer ID`,
  );
}

/** Of a client that nobody else is, so that no package of a run has its name. */
function smallPackage(period: Period, timeZone: string, meter: string, number: number): CheckedPackage {
  const clientId = `check-api-${Date.now().toString(36)}-${number}`;
  const id = packageIdOf(period.id, clientId, 1);
  const requestOf = (quantity: string) => {
    const lines = [{ meter, quantity, days: [{ day: period.from, quantity }] }];
    const content = contentOf(clientId, period, timeZone, lines, { number: 1, of: 1 });
    return { idempotencyKey: idempotencyKeyOf(id, 1, 1), body: bodyOf(documentText(content, 1, 1), 1) };
  };
  return { id, request: requestOf('1'), otherContent: requestOf('2') };
}

/** One request as a turn of its own, beside runs that send. */
async function inOwnTurn<Outcome>(cloud: Cloud, ask: () => Promise<Outcome>): Promise<Outcome> {
  const request = { id: turnIdOfCommand('check-api'), kind: 'send', requests: 1 } as const;
  const answer = await inTurnAfterWaiting(
    await turnTaker(cloud),
    request,
    async ({ pacer }) => {
      const departure = await pacer.next();
      if (typeof departure === 'string') return undefined;
      const outcome = await ask();
      departure.answered();
      return { outcome };
    },
    () => true,
  );
  if ('gaveUp' in answer) throw new CommandFailed('NO_TURN', turnWaitWords(answer.gaveUp));
  return answer.result ? answer.result.outcome : inOwnTurn(cloud, ask);
}
