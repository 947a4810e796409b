import { html } from 'hono/html';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { CommandFailed } from '../../cli/terminal/errors.ts';
import type { Certificate } from '../../lib/certificate/certificate.ts';
import { quantityOf } from '../../lib/decimal/meter-sums.ts';
import { callerWords } from '../../lib/interventions/intervention.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { type Frame, facts, type Markup, page, table, time } from '../layout.ts';

/** The account of a period's latest run as a balance sheet, each line beside its source. */
export async function certificatePage(frame: Frame, cloud: Cloud, period: Period): Promise<Markup> {
  const all = await new CertificateStore(cloud.tables).list(period.id);
  const certificate = latestOf(all, period);
  const { run, usage, packages, lateUsage, previous, hash, acknowledgements } = certificate;
  return page(
    frame,
    `Certificate of ${period.id}`,
    `npx halfmonth certificate ${period.id} --verify`,
    html`${facts([
      ['Run', html`<a href="/run/${run.id}">${run.id}</a>, certified ${time(run.certifiedAt, frame.timeZone)}`],
      [
        'Counted',
        `${usage.slices.events.toLocaleString('en')} events of ${usage.clients.toLocaleString('en')} clients`,
      ],
      [
        'Not counted',
        `${usage.observed.duplicates} duplicates and ${usage.observed.rejected} rejected events seen, at least`,
      ],
      [
        'Packages',
        `${packages.total} = ${packages.processed} processed + ${packages.rejected} rejected + ${packages.parked} parked; ${packages.corrections} corrections`,
      ],
      ['Acknowledged', `${acknowledgements.count} by the invoice API`],
      ['Late usage after the account', `${lateUsage.after.events} events`],
      ['Hash', html`<code>${hash}</code>`],
    ])}
      <p class="no-print">
        Verify it: <a href="/verify/${period.id}">against the books</a>, or
        <a href="/verify/${period.id}?api=yes">against the invoice API too</a>, which takes turns in its quota.
      </p>
      <h2>Balance</h2>
      ${balanceSheet(certificate)}
      ${interventionList(certificate, frame)}
      <h2>Chain</h2>
      ${table(
        'Certificates of this period, the latest first',
        [{ name: 'Run' }, { name: 'Certified' }, { name: 'Hash' }],
        all.map((each) => [
          each.run.id,
          time(each.run.certifiedAt, frame.timeZone),
          html`<code>${each.hash.slice(0, 24)}</code>`,
        ]),
      )}
      <p>
        ${
          previous
            ? html`Before it: <a href="/certificate/${previous.periodId}">${previous.periodId}</a>, <code>${previous.hash.slice(0, 24)}</code>`
            : 'It is the first of the chain.'
        }
      </p>`,
  );
}

/** The certificate of a period's latest run. @throws CommandFailed when there is none */
export async function latestCertificate(cloud: Cloud, period: Period): Promise<Certificate> {
  return latestOf(await new CertificateStore(cloud.tables).list(period.id, 1), period);
}

function latestOf([certificate]: readonly Certificate[], period: Period): Certificate {
  if (certificate) return certificate;
  throw new CommandFailed('NO_CERTIFICATE', `${period.id} has no certificate: no run of it is finished.`);
}

function interventionList({ interventions = [] }: Certificate, { timeZone }: Frame): Markup {
  if (interventions.length === 0) return html``;
  return html`<h2>Done by hand</h2>
    ${table(
      'What persons did before the account, the earliest first',
      [{ name: 'When' }, { name: 'What' }, { name: 'To' }, { name: 'Who' }, { name: 'Why' }],
      interventions.map(({ at, kind, subjects, count, by, reason = '' }) => [
        time(at, timeZone),
        kind,
        count > 1 ? `${count}, among them ${subjects[0]}` : (subjects[0] ?? ''),
        callerWords(by),
        reason,
      ]),
    )}`;
}

function balanceSheet({ usage, billed }: Certificate): Markup {
  const columns: { name: string; source: string; totals: Record<string, string> }[] = [
    { name: 'Slices', source: 'what was counted', totals: usage.slices.totals },
    { name: 'Days', source: 'daily records', totals: usage.days.totals },
    { name: 'Processed', source: 'the invoice API said so', totals: billed.lastProcessed },
    { name: 'Rejected', source: 'not billed', totals: billed.rejected },
    { name: 'Parked', source: 'waits for a person', totals: billed.parked },
    { name: 'Open', source: 'in no package yet', totals: billed.open },
  ];
  const meters = [...new Set(columns.flatMap(({ totals }) => Object.keys(totals)))].sort();
  return table(
    'By meter: slices = days = processed + rejected + parked + open',
    [{ name: 'Meter' }, ...columns.map(({ name, source }) => ({ name: `${name} (${source})`, isFigure: true }))],
    meters.map((meter) => [meter, ...columns.map(({ totals }) => quantityOf(totals, meter) ?? '0')]),
  );
}
