import { html } from 'hono/html';
import { parkedOf } from '../../cli/commands/parked.ts';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { giveBack, takeRejected } from '../../cli/events/rejected-messages.ts';
import { CHECKS } from '../../cli/periods/health-checks.ts';
import { eachPeriod, watchedPeriods } from '../../cli/periods/open-periods.ts';
import { quantityOf } from '../../lib/decimal/meter-sums.ts';
import type { PackageHead } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { loadPeriodStates } from '../../lib/store/period-states.ts';
import { RunStore } from '../../lib/store/run-store.ts';
import { decisionForm } from '../changes.ts';
import { chart, type Frame, type Markup, page, table, time } from '../layout.ts';

const SHOWN = 500;
/** A year of half months. */
const PERIODS_SHOWN = 24;

/** The last year: what is closed, by which certificate, and the totals of each meter. */
export async function periodsPage(frame: Frame, cloud: Cloud): Promise<Markup> {
  const periods = watchedPeriods(cloud).slice(0, PERIODS_SHOWN);
  const store = new CertificateStore(cloud.tables);
  const [states, lists] = await Promise.all([
    loadPeriodStates(
      cloud.tables,
      periods.map(({ id }) => id),
    ),
    Promise.all(periods.map(({ id }) => store.list(id))),
  ]);
  const known = periods.map((period, index) => {
    const certificates = lists[index] ?? [];
    const state = states.get(period.id);
    return { period, state, certificate: certificates[0], certificates: certificates.length };
  });
  const oldestFirst = known.toReversed();
  const meters = [
    ...new Set(known.flatMap(({ certificate }) => Object.keys(certificate?.billed.lastProcessed ?? {}))),
  ].sort();
  return page(
    frame,
    'Periods',
    'npx halfmonth status',
    html`${table(
      'The last year, the latest first',
      [
        { name: 'Period' },
        { name: 'Closed' },
        { name: 'Certificates', isFigure: true },
        { name: 'Packages', isFigure: true },
        { name: 'Corrections', isFigure: true },
        { name: 'Certificate' },
      ],
      known.map(({ period, state, certificate, certificates }) => [
        html`<a href="/period/${period.id}">${period.id}</a>`,
        state?.lastClosedAt ? time(state.lastClosedAt, frame.timeZone) : 'open',
        certificates,
        certificate?.packages.total ?? '-',
        certificate?.packages.corrections ?? '-',
        certificate ? html`<a href="/certificate/${period.id}">${certificate.hash.slice(0, 16)}</a>` : '-',
      ]),
    )}
      <div class="charts">
        ${meters.map((meter) =>
          chart(`${meter} billed by period`, {
            unit: meter,
            labels: oldestFirst.map(({ period }) => period.id),
            series: [
              {
                name: 'billed',
                values: oldestFirst.map(({ certificate }) =>
                  Number(quantityOf(certificate?.billed.lastProcessed, meter) ?? 0),
                ),
              },
            ],
          }),
        )}
      </div>`,
  );
}

/** Events that could not be counted, by reason. Looking hands them back at once. */
export async function rejectedPage(frame: Frame, cloud: Cloud, formToken: string): Promise<Markup> {
  const client = await cloud.queues();
  const queue = cloud.outputs.RejectedQueueUrl;
  const taken = await takeRejected(client, queue, SHOWN);
  await giveBack(
    client,
    queue,
    [...taken.entries, ...taken.incomplete].flatMap(({ receiptHandles }) => receiptHandles),
  );
  const groups = Map.groupBy(taken.entries, ({ reason }) => reason);
  return page(
    frame,
    'Rejected events',
    'npx halfmonth rejected',
    html`${taken.notRead > 0 ? html`<p class="look">Only some are shown: about ${taken.notRead} more wait.</p>` : ''}
      ${groups.size === 0 ? html`<p class="good">No event is rejected.</p>` : ''}
      ${[...groups].map(
        ([reason, entries]) => html`<section>
          <h2>${reason} <span class="count">${entries.length}</span></h2>
          ${frame.mayChange ? decisionForm({ change: 'replay', subject: String(reason), token: formToken, words: 'Send them to be counted again' }) : ''}
          ${table(
            `Rejected for ${reason}`,
            [{ name: 'What was wrong' }],
            entries.slice(0, 20).map((entry) => [entry.message]),
          )}
        </section>`,
      )}`,
  );
}

/** Packages that wait for a person, by reason. */
export async function parkedPage(frame: Frame, cloud: Cloud, formToken: string): Promise<Markup> {
  const parked = (await eachPeriod(watchedPeriods(cloud), (period) => parkedByRuns(cloud, period))).flat();
  // What an API says differs by ids and times: the first words tell its kind.
  const groups = Map.groupBy(parked, ({ reason = '' }) => reason.slice(0, 60));
  return page(
    frame,
    'Parked packages',
    'npx halfmonth parked',
    html`${parked.length === 0 ? html`<p class="good">No package is parked.</p>` : ''}
      ${[...groups].map(
        ([, heads]) => html`<section>
          <h2>${heads[0]?.reason?.slice(0, 160) ?? ''} <span class="count">${heads.length}</span></h2>
          <p class="none">Released, a package is sent again under the same key; given up, it is not billed.</p>
          ${table(
            'Packages',
            [
              { name: 'Package' },
              { name: 'Attempts', isFigure: true },
              { name: 'Why' },
              ...(frame.mayChange ? [{ name: 'Decide' }] : []),
            ],
            heads
              .slice(0, SHOWN)
              .map((head) => [
                html`<a href="/package/${head.packageId}">${head.packageId}</a>`,
                head.attemptCount,
                head.reason ?? '',
                ...(frame.mayChange
                  ? [decisionForm({ change: 'release', subject: head.packageId, token: formToken, words: 'Release' })]
                  : []),
              ]),
          )}
        </section>`,
      )}`,
  );
}

/** Only a run makes packages: a period without one is not asked bucket by bucket. */
async function parkedByRuns(cloud: Cloud, period: Period): Promise<PackageHead[]> {
  const runs = await new RunStore(cloud.tables).listRunRecords(period.id, 1);
  return runs.length === 0 ? [] : parkedOf(cloud, period);
}

/** The checks, each with what to do. */
export async function doctorPage(frame: Frame, cloud: Cloud): Promise<Markup> {
  const checks = await Promise.all(
    Object.entries(CHECKS).map(async ([check, look]) => {
      const health = await look(cloud).catch((error: unknown) => ({
        state: 'problem' as const,
        words: error instanceof Error ? `${error.name}: ${error.message}` : String(error),
      }));
      return { check, ...health };
    }),
  );
  return page(
    frame,
    'Doctor',
    'npx halfmonth doctor',
    table(
      'Checks',
      [{ name: 'Check' }, { name: 'State' }, { name: 'What was found' }],
      checks.map(({ check, state, words }) => [check, html`<span class="mark ${state}">${state}</span>`, words]),
    ),
  );
}
