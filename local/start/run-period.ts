import { setTimeout as delay } from 'node:timers/promises';
import { DescribeExecutionCommand, StartExecutionCommand } from '@aws-sdk/client-sfn';
import * as z from 'zod';
import { PACKAGE_STATES, type PackageState } from '../../lib/packages/package.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { countPackages } from '../../lib/store/package-reader.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { apiTrouble } from './api-trouble.ts';
import type { LocalService } from './local-service.ts';

const POLL_MILLISECONDS = 750;

const lambdaFailureSchema = z.object({ errorMessage: z.string() });

/** Packages by state. */
export type Funnel = Record<PackageState, number>;

/** How a run ended. */
export interface RunResult {
  periodId: PeriodId;
  executionArn: string;
  /** As Step Functions has it: `SUCCEEDED`, `FAILED`, `TIMED_OUT`, `ABORTED`. */
  status: string;
  error?: string;
  funnel: Funnel;
}

/** Is told of a run while it goes on. */
export interface RunListener {
  onFunnel(funnel: Funnel): void;
  /** Why nothing comes of sending, in words; once for each cause. */
  onTrouble(words: string): void;
}

/** Starts the state machine for a period and follows it to its end. */
export async function runPeriod(
  { sfn, stateMachineArn, tables }: LocalService,
  periodId: PeriodId,
  { onFunnel, onTrouble }: RunListener,
  signal: AbortSignal,
): Promise<RunResult> {
  const { executionArn = '' } = await sfn.send(
    new StartExecutionCommand({
      stateMachineArn,
      name: `start-${periodId}-${Date.now()}`,
      input: JSON.stringify({ period: periodId }),
    }),
  );
  const everyPackage = { periodId, buckets: { from: 0, to: BUCKETS - 1 } };
  const calendar = new QuotaCalendarStore(tables, 'invoice-api');
  let told: string | undefined;
  for (;;) {
    const { status = '', error, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
    const { states } = await countPackages(tables, everyPackage);
    onFunnel(states);
    if (status !== 'RUNNING') {
      const why = [error, causeText(cause)].filter((text) => text).join(': ');
      return { periodId, executionArn, status, ...(why ? { error: why } : {}), funnel: states };
    }
    const trouble = apiTrouble(await calendar.load(), Date.now(), hasAnswered(states));
    if (trouble !== undefined && trouble !== told) onTrouble(trouble);
    told = trouble ?? told;
    await delay(POLL_MILLISECONDS, undefined, { signal });
  }
}

/** What a failed task said, without its stack: a Lambda's failure is JSON with an `errorMessage`. */
function causeText(cause: string | undefined): string | undefined {
  try {
    return lambdaFailureSchema.parse(JSON.parse(cause ?? '')).errorMessage;
  } catch {
    return cause;
  }
}

/** A funnel in words, states without packages left out. */
export function funnelText(funnel: Funnel): string {
  const held = PACKAGE_STATES.filter((state) => funnel[state] > 0).map((state) => `${funnel[state]} ${state}`);
  return held.length > 0 ? held.join(', ') : 'no packages yet';
}

/** Whether the API has said anything of any package. */
function hasAnswered({ submitted, processed, rejected, parked }: Funnel): boolean {
  return submitted + processed + rejected + parked > 0;
}
