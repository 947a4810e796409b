import { html } from 'hono/html';
import { usageOf } from '../../cli/commands/usage.ts';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { clientFacts } from '../../cli/packages/client-facts.ts';
import { explainClient } from '../../cli/packages/explain-client.ts';
import { readClientId } from '../../cli/packages/package-id.ts';
import { quantityOf } from '../../lib/decimal/meter-sums.ts';
import type { PackageDocument } from '../../lib/packages/document.ts';
import { measureOfLine } from '../../lib/packages/lines.ts';
import type { Day } from '../../lib/periods/days.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import type { MeterTotals } from '../../lib/usage/records.ts';
import { chart, type Frame, type Markup, page, table } from '../layout.ts';
import { stateMark } from './packages.ts';

/** More meters than these are in the table alone. */
const CHARTED_METERS = 6;

/** A client in a period: why it is or is not done, what it used by day, and what was billed of it. */
export async function clientPage(frame: Frame, cloud: Cloud, given: string, period: Period): Promise<Markup> {
  if (given === '') return page(frame, 'Client', 'npx halfmonth explain CLIENT', search('', period));
  const clientId = readClientId(given);
  const [clientsFacts, used, revisions] = await Promise.all([
    clientFacts(cloud, clientId, period),
    usageOf(cloud, clientId, period.from, period.to),
    new PackageReader(cloud.tables).revisionsOfClient(period.id, clientId),
  ]);
  const explanation = explainClient(clientsFacts);
  const processed = new Map(clientsFacts.heads.map(({ part, lastProcessedRevision }) => [part, lastProcessedRevision]));
  const billed = billedByDay(
    revisions
      .filter(({ part, revision }) => processed.get(part) === revision)
      // Written by documentText, which made it from a PackageDocument.
      .map(({ document }) => JSON.parse(document) as PackageDocument),
  );
  const days = [...new Set([...used.map(({ day }) => day), ...billed.keys()])].sort();
  const totalsOn = new Map(used.map(({ day, totals }) => [day, totals]));
  const meters = [
    ...new Set([...used.flatMap(({ totals }) => Object.keys(totals)), ...[...billed.values()].flatMap(Object.keys)]),
  ].sort();
  const style = explanation.isDone ? 'good' : explanation.needsPerson ? 'look' : 'wait';
  return page(
    frame,
    `Client ${clientId}`,
    `npx halfmonth explain ${clientId} ${period.id}`,
    html`${search(clientId, period)}
      <section class="${style}">
        <p class="headline">${explanation.headline}</p>
        ${explanation.details.map((detail) => html`<p>${detail}</p>`)}
        <p><strong>What next:</strong> ${explanation.next}</p>
      </section>
      <p>
        ${clientsFacts.heads.map(({ packageId, state }) => html`<a href="/package/${packageId}">${packageId}</a> ${stateMark(state)} `)}
      </p>
      <div class="charts">
        ${meters.slice(0, CHARTED_METERS).map((meter) =>
          chart(`${meter} by day`, {
            unit: meter,
            labels: days,
            series: [
              { name: 'used', values: days.map((day) => Number(quantityOf(totalsOn.get(day), meter) ?? 0)) },
              { name: 'billed', values: days.map((day) => Number(quantityOf(billed.get(day), meter) ?? 0)) },
            ],
          }),
        )}
      </div>
      ${table(
        'Usage by day and meter, today included',
        [{ name: 'Day' }, { name: 'Meter' }, { name: 'Used', isFigure: true }, { name: 'Billed', isFigure: true }],
        days.flatMap((day) =>
          meters.flatMap((meter) => {
            const [use, bill] = [quantityOf(totalsOn.get(day), meter), quantityOf(billed.get(day), meter)];
            return use === undefined && bill === undefined ? [] : [[day, meter, use ?? '0', bill ?? '0']];
          }),
        ),
      )}
      <p class="none">Late events that no package holds yet: ${clientsFacts.openLateEvents}</p>`,
  );
}

function search(clientId: string, period: Period): Markup {
  return html`<form class="search" method="get" action="/client">
    <label>Client <input name="id" value="${clientId}" required autocomplete="off" /></label>
    <label>Period <input name="period" value="${period.id}" pattern="[0-9]{4}-(0[1-9]|1[0-2])-H[12]" /></label>
    <button>Look</button>
  </form>`;
}

function billedByDay(documents: readonly PackageDocument[]): Map<Day, MeterTotals> {
  const billed = new Map<Day, MeterTotals>();
  for (const { lines } of documents) {
    for (const line of lines) {
      const measure = measureOfLine(line);
      for (const { day, quantity } of line.days) billed.set(day, { ...billed.get(day), [measure]: quantity });
    }
  }
  return billed;
}
