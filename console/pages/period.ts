import { DescribeStateMachineCommand } from '@aws-sdk/client-sfn';
import { html } from 'hono/html';
import { statusOf } from '../../cli/commands/status.ts';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { type OpenPeriod, openPeriods } from '../../cli/periods/open-periods.ts';
import { dollarsWords, durationWords, plural, totalsWords } from '../../cli/terminal/words.ts';
import { PACKAGE_STATES, type PackageState } from '../../lib/packages/package.ts';
import { endOfPeriod, type Period } from '../../lib/periods/periods.ts';
import { QuotaCalendarStore } from '../../lib/store/quota-calendar-store.ts';
import { type Frame, facts, type Markup, page, time } from '../layout.ts';
import { quotaPicture } from '../quota-picture.ts';
import {
  ExecutionProgress,
  type LaidMachine,
  layOut,
  type Progress,
  stateMachinePicture,
} from '../state-machine-picture.ts';

const OPEN_PERIODS_MILLISECONDS = 60_000;

type Status = Awaited<ReturnType<typeof statusOf>>;

/** What a state means, for those who have never read the docs. */
export const STATE_WORDS: Record<PackageState, string> = {
  held: 'waits for approval; a person decides',
  ready: 'waits to be sent',
  sending: 'is being sent',
  submitted: 'is with the invoice API',
  processed: 'is billed',
  rejected: 'was refused; a person decides',
  parked: 'is set aside; a person decides',
};

/** The page of a period that one starts at; its inner part is sent anew whenever it changes. */
export async function periodPage(frame: Frame, cloud: Cloud, period: Period, watch: PeriodWatch): Promise<Markup> {
  const command = `npx halfmonth status ${period.id}`;
  const live = await watch.picture(cloud, period, frame.timeZone);
  return page(frame, `Period ${period.id}`, command, html`<div data-live="/live/period/${period.id}">${live}</div>`);
}

/** What the page of a period asks again and again: progress is read on, and the definition once. */
export class PeriodWatch {
  readonly #progress = new Map<string, ExecutionProgress>();
  #open: OpenPeriod[] = [];
  #openSince = 0;
  #machine: Promise<LaidMachine> | undefined;
  readonly #mayChange: boolean;

  constructor(mayChange: boolean) {
    this.#mayChange = mayChange;
  }

  /** The inner part of the page, as everything stands now. */
  async picture(cloud: Cloud, period: Period, timeZone: string): Promise<Markup> {
    const [status, calendar, machine] = await Promise.all([
      statusOf(cloud, period),
      new QuotaCalendarStore(cloud.tables, 'invoice-api').load(),
      this.machineOf(cloud),
    ]);
    const progress = status.run ? await this.#progressOf(cloud, status.run.executionArn) : undefined;
    // After its own reads, which a person waits for.
    this.#lookForOpenPeriods(cloud);
    const now = Date.now();
    return html`<p class="as-of" role="status">As of ${time(now, timeZone)}.</p>
      ${needsPerson(status, period, this.#open, this.#mayChange)}
      <section class="columns">
        <div>
          <h2>Now</h2>
          ${facts(factsOf(status, period, cloud, timeZone))}
          <h2>Packages</h2>
          ${funnel(status)}
        </div>
        <div>
          <h2>Quota of the invoice API</h2>
          ${quotaPicture(calendar, cloud.quota, { now, timeZone, mayChange: this.#mayChange })}
        </div>
      </section>
      <section>
        <h2>The run</h2>
        <div class="scroll" tabindex="0" role="region" aria-label="State machine">${stateMachinePicture(machine, progress)}</div>
      </section>`;
  }

  /**
   * A year of periods takes many reads and changes rarely: it is looked at once a minute, and no picture waits for it.
   */
  #lookForOpenPeriods(cloud: Cloud): void {
    if (Date.now() - this.#openSince < OPEN_PERIODS_MILLISECONDS) return;
    this.#openSince = Date.now();
    openPeriods(cloud).then(
      (found) => {
        this.#open = found;
      },
      () => {
        // The page of that period says what fails; here it is tried again.
        this.#openSince = 0;
      },
    );
  }

  /** The state machine, read and laid out once; where that fails, it is tried again when it is next asked for. */
  machineOf(cloud: Cloud): Promise<LaidMachine> {
    this.#machine ??= laidMachine(cloud).catch((error) => {
      this.#machine = undefined;
      throw error;
    });
    return this.#machine;
  }

  async #progressOf(cloud: Cloud, executionArn: string): Promise<Progress | undefined> {
    const progress = this.#progress.get(executionArn) ?? new ExecutionProgress();
    this.#progress.set(executionArn, progress);
    try {
      return await progress.update(await cloud.stepFunctions(), executionArn);
    } catch (error) {
      // Step Functions forgets executions 90 days after they end.
      if (error instanceof Error && error.name === 'ExecutionDoesNotExist') return undefined;
      throw error;
    }
  }
}

async function laidMachine(cloud: Cloud): Promise<LaidMachine> {
  const client = await cloud.stepFunctions();
  const stateMachineArn = cloud.outputs.BillingPeriodStateMachineArn;
  const { definition = '{}' } = await client.send(new DescribeStateMachineCommand({ stateMachineArn }));
  return layOut(definition);
}

function needsPerson(status: Status, period: Period, open: readonly OpenPeriod[], mayChange: boolean): Markup {
  const start = mayChange
    ? html`<a href="/change/run/${period.id}">Preview or start a run</a>`
    : html`<code>npx halfmonth run ${period.id} --preview</code>`;
  const own = open.find((each) => each.period.id === period.id);
  const others = open.filter((each) => each.period.id !== period.id);
  const { packages, run, lateUsageNotYetBilled: late } = status;
  const isDue = run === null && packages.total === 0 && own !== undefined && !own.isClosed;
  const wishes = [
    ...(isDue ? [html`<li>It has usage and is not closed. ${start}</li>`] : []),
    ...(run && ['FAILED', 'ABORTED', 'TIMED_OUT'].includes(run.status)
      ? [
          html`<li>The run ${run.status.toLowerCase()}${run.failure ? html`: ${run.failure}` : ''}. <a href="/run/${run.runId}">Look at it</a></li>`,
        ]
      : []),
    ...(packages.held > 0
      ? [
          html`<li><a href="/packages/${period.id}?state=held">${plural(packages.held, 'package')} held</a>: <code>npx halfmonth approve ${period.id} --client CLIENT --reason TEXT</code>, or refuse.</li>`,
        ]
      : []),
    ...(packages.parked > 0
      ? [html`<li><a href="/parked">${plural(packages.parked, 'package')} parked</a>: decide about them.</li>`]
      : []),
    ...(packages.rejected > 0
      ? [
          html`<li><a href="/packages/${period.id}?state=rejected">${plural(packages.rejected, 'package')} rejected</a>: not billed.</li>`,
        ]
      : []),
    ...(late.events > 0
      ? [
          html`<li>${plural(late.events, 'late event')} not yet billed: ${totalsWords(late.totals)}. The next run bills them. ${run?.status === 'RUNNING' ? '' : start}</li>`,
        ]
      : []),
    ...others.map(
      ({ period: { id }, isClosed }) =>
        html`<li><a href="/period/${id}">${id}</a> ${isClosed ? 'has something open' : 'has usage and is not closed'}.</li>`,
    ),
  ];
  if (wishes.length === 0) return html`<p class="good">Nothing needs a person.</p>`;
  return html`<section class="look" aria-label="Needs a person"><h2>Needs a person</h2><ul>${wishes}</ul></section>`;
}

function factsOf(status: Status, period: Period, cloud: Cloud, timeZone: string): [string, Markup | string | number][] {
  const { run, certificate, oldestUnprocessed: oldest } = status;
  const forecast = run?.status === 'RUNNING' ? run.forecast : undefined;
  return [
    [
      'Run',
      run
        ? html`<strong>${run.status.toLowerCase()}</strong>, <a href="/run/${run.runId}">${run.runId}</a>`
        : noRun(period, cloud, timeZone),
    ],
    ...(run ? ([['Started', time(run.startedAt, timeZone)]] as [string, Markup][]) : []),
    ...(run?.finishedAt
      ? ([['Took', durationWords(Date.parse(run.finishedAt) - Date.parse(run.startedAt))]] as [string, string][])
      : []),
    ...(forecast
      ? ([
          [
            'Sending ends about',
            html`${time(forecast.expectedEndAt, timeZone)}${forecast.deadline ? html`, ${forecast.isBeforeDeadline ? 'before' : 'AFTER'} the deadline ${time(forecast.deadline, timeZone)}` : ''}`,
          ],
        ] as [string, Markup][])
      : []),
    ...(oldest
      ? ([
          [
            'Longest with the API',
            html`<a href="/package/${oldest.packageId}">${oldest.packageId}</a>, ${durationWords(oldest.ageSeconds * 1_000)}`,
          ],
        ] as [string, Markup][])
      : []),
    [
      'Certificate',
      certificate ? html`<a href="/certificate/${period.id}">${certificate.hash.slice(0, 16)}</a>` : 'not yet',
    ],
    ['Cost so far', html`${dollarsWords(status.estimatedCostUsd)}, estimated from the number of packages`],
  ];
}

function noRun(period: Period, cloud: Cloud, timeZone: string): Markup {
  const endsAt = endOfPeriod(period, cloud.calendar);
  return Date.now() < endsAt
    ? html`none; the period ends at ${time(endsAt, timeZone)}`
    : html`none yet. Start one: <code>npx halfmonth run ${period.id}</code>`;
}

function funnel({ period: periodId, packages, packagesAreNow, packagesCountedAt }: Status): Markup {
  const total = Math.max(1, packages.total);
  return html`<ol class="funnel">
      ${PACKAGE_STATES.map((state) => {
        const count = packages[state];
        return html`<li class="${state}${count === 0 ? ' empty' : ''}">
          <a href="/packages/${periodId}?state=${state}" title="${STATE_WORDS[state]}">${state}</a>
          <meter min="0" max="${total}" value="${count}">${count} of ${packages.total}</meter>
          <span class="figure">${count.toLocaleString('en')}</span>
        </li>`;
      })}
    </ol>
    <p class="none">
      ${plural(packages.total, 'package')}${packagesAreNow ? '' : `, as the run counted them at ${packagesCountedAt.slice(0, 19)}Z`}
    </p>`;
}
