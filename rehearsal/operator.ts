import { setTimeout as delay } from 'node:timers/promises';
import {
  DescribeExecutionCommand,
  RedriveExecutionCommand,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { DecisionOfPerson } from '../lib/interventions/intervention.ts';
import { released } from '../lib/packages/head-changes.ts';
import type { PeriodId } from '../lib/periods/periods.ts';
import { liftBlock } from '../lib/quota/calendar.ts';
import { PackageTransitions } from '../lib/store/package-store.ts';
import { QuotaCalendarStore } from '../lib/store/quota-calendar-store.ts';
import type { LocalService } from '../local/start/local-service.ts';
import type { Random } from '../local/start/random.ts';
import type { FaultPlan } from './faults.ts';
import { packagesOf } from './packages.ts';

/** Closing did not come to an end, whatever was tried. */
export class NotClosed extends Error {
  override readonly name = 'NotClosed';
  readonly code = 'NOT_CLOSED';
}

const LOOKS_EVERY_MILLISECONDS = 30_000;
/** How long a run may take, and how often an operator tries, before something is said to stand still. */
const LONGEST_RUN_MILLISECONDS = 5 * 86_400_000;
const MOST_TRIES = 12;
/** From this try on nothing goes wrong any more. */
const CALM_FROM_TRY = 3;

const REHEARSED: DecisionOfPerson = { reason: 'rehearsal', by: { knownBy: 'local user', name: 'rehearsal' } };

/** Closes a period as the runbook says, whatever happens to its runs: redrives, releases, starts anew. */
export class Operator {
  readonly #service: LocalService;
  readonly #random: Random;
  readonly #setFaults: (plan: FaultPlan | undefined) => void;
  /** What was done, for the report. */
  readonly history: string[] = [];

  constructor(service: LocalService, random: Random, setFaults: (plan: FaultPlan | undefined) => void) {
    this.#service = service;
    this.#random = random;
    this.#setFaults = setFaults;
  }

  /** @throws NotClosed */
  async close(periodId: PeriodId, plan: FaultPlan): Promise<void> {
    let arn = await this.#start(periodId);
    for (let turn = 1; turn <= MOST_TRIES; turn++) {
      const isCalm = turn >= CALM_FROM_TRY;
      this.#setFaults(isCalm ? undefined : plan);
      if (isCalm) await this.#unblock();
      const { status, error } = await this.#follow(arn, periodId, isCalm ? {} : plan.operations);
      this.history.push(`${status}${error ? ` ${error}` : ''}`);
      if (status === 'SUCCEEDED') {
        if ((await this.#release(periodId)) === 0) return;
        arn = await this.#start(periodId);
        continue;
      }
      await this.#release(periodId);
      arn = await this.#goOn(arn, periodId);
    }
    throw new NotClosed(`${periodId} was not closed after ${MOST_TRIES} tries: ${this.history.join(', ')}`);
  }

  async #start(periodId: PeriodId): Promise<string> {
    const { sfn, stateMachineArn } = this.#service;
    this.history.push('start');
    const { executionArn = '' } = await sfn.send(
      new StartExecutionCommand({ stateMachineArn, input: JSON.stringify({ period: periodId }) }),
    );
    return executionArn;
  }

  async #follow(
    arn: string,
    periodId: PeriodId,
    { executionStopped = 0, twoRuns = 0 }: FaultPlan['operations'],
  ): Promise<{ status: string; error: string }> {
    const { sfn } = this.#service;
    const deadline = Date.now() + LONGEST_RUN_MILLISECONDS;
    const stopAt = this.#random.happens(executionStopped * 1_000)
      ? Date.now() + this.#random.integer(200, 30_000)
      : undefined;
    // The second run must find the period locked, and harm nothing.
    const second = this.#random.happens(twoRuns * 1_000) ? await this.#start(periodId) : undefined;
    for (;;) {
      const { status = '', error = '' } = await sfn.send(new DescribeExecutionCommand({ executionArn: arn }));
      if (status !== 'RUNNING') {
        if (second !== undefined) await this.#end(second);
        return { status, error };
      }
      const isOver = Date.now() > deadline;
      if (isOver || (stopAt !== undefined && Date.now() > stopAt)) await this.#end(arn);
      if (isOver) this.history.push('stood still');
      const untilStop = stopAt === undefined ? Number.POSITIVE_INFINITY : Math.max(stopAt - Date.now(), 0);
      await delay(Math.min(LOOKS_EVERY_MILLISECONDS, untilStop + 1));
    }
  }

  /** Stops an execution, if it still runs. */
  async #end(executionArn: string): Promise<void> {
    await this.#service.sfn.send(new StopExecutionCommand({ executionArn }));
  }

  async #goOn(arn: string, periodId: PeriodId): Promise<string> {
    if (this.#random.happens(700)) {
      try {
        await this.#service.sfn.send(new RedriveExecutionCommand({ executionArn: arn }));
        this.history.push('redrive');
        return arn;
      } catch (error) {
        this.history.push(`no redrive: ${error instanceof Error ? error.message : error}`);
      }
    }
    return this.#start(periodId);
  }

  /** The causes are gone: what is parked or rejected is tried again. @returns how many */
  async #release(periodId: PeriodId): Promise<number> {
    const transitions = new PackageTransitions(this.#service.tables);
    const heads = await packagesOf(this.#service.tables, periodId);
    const waiting = heads.filter(({ state }) => state === 'parked' || state === 'rejected');
    for (const head of waiting) {
      // A rejection is of that revision and key: only another key is judged anew.
      const isNewKey = head.state === 'rejected';
      await transitions.apply(head, released(head, REHEARSED, Date.now(), isNewKey));
    }
    if (waiting.length > 0) this.history.push(`released ${waiting.length}`);
    return waiting.length;
  }

  async #unblock(): Promise<void> {
    const calendar = new QuotaCalendarStore(this.#service.tables, 'invoice-api');
    if ((await calendar.load()).blockedUntil <= Date.now()) return;
    await calendar.change((current) => ({ calendar: liftBlock(current, REHEARSED, Date.now()) }));
    this.history.push('unblocked');
  }
}
