import { html } from 'hono/html';
import { packagesOf } from '../../cli/commands/packages.ts';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { attemptWords } from '../../cli/packages/explain-client.ts';
import { lineWords, signed } from '../../cli/packages/line-words.ts';
import { readPackageId } from '../../cli/packages/package-id.ts';
import { CommandFailed } from '../../cli/terminal/errors.ts';
import type { PackageDocument } from '../../lib/packages/document.ts';
import { PACKAGE_STATES, type PackageHead, type PackageState, packageIdOf } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import { PackageStore } from '../../lib/store/package-store.ts';
import { decisionForm } from '../changes.ts';
import { type Frame, facts, type Markup, page, table, time } from '../layout.ts';
import { STATE_WORDS } from './period.ts';

const ROWS = 100;
/** So long is looked for packages that match; where they are rare, a person asks for more. */
const LOOK_MILLISECONDS = 1_000;

/** What was searched for. */
export interface PackageSearch {
  client: string;
  state: string;
  reason: string;
  /** The package after which to go on; nothing to begin. */
  after: string;
}

/** Packages of a period by client, state and reason; a page of rows at a time, read by the store's keys. */
export async function packagesPage(frame: Frame, cloud: Cloud, period: Period, search: PackageSearch): Promise<Markup> {
  const { heads, last, isCut } = await found(cloud, period, search);
  const next = new URLSearchParams({ ...search, after: last }).toString();
  const command = `npx halfmonth packages ${period.id}${search.state ? ` --status ${search.state}` : ''}${search.client ? ` --client ${search.client}` : ''}`;
  return page(
    frame,
    `Packages of ${period.id}`,
    command,
    html`<form class="search" method="get">
        <label>Client <input name="client" value="${search.client}" autocomplete="off" /></label>
        <label
          >State
          <select name="state">
            <option value="">any</option>
            ${PACKAGE_STATES.map((state) => option(state, search.state))}
          </select></label
        >
        <label>Reason holds <input name="reason" value="${search.reason}" autocomplete="off" /></label>
        <button>Find</button>
      </form>
      ${table(
        'Packages',
        [
          { name: 'Package' },
          { name: 'State' },
          { name: 'Revision', isFigure: true },
          { name: 'Attempts', isFigure: true },
          { name: 'Reason' },
        ],
        heads.map((head) => [
          html`<a href="/package/${head.packageId}">${head.packageId}</a>`,
          stateMark(head.state),
          head.revision,
          head.attemptCount,
          (head.reason ?? head.remark ?? '').slice(0, 200),
        ]),
      )}
      ${
        isCut
          ? html`<p><a href="/packages/${period.id}?${next}" rel="next">${heads.length === ROWS ? `The next ${ROWS}` : 'Not all were looked at yet: go on'}</a></p>`
          : ''
      }`,
  );
}

/** Rejected packages are in no index: they are sought among all. */
async function foundRejected(
  { tables }: Cloud,
  { id }: Period,
  { reason, after }: PackageSearch,
): Promise<{ heads: PackageHead[]; last: string; isCut: boolean }> {
  const until = Date.now() + LOOK_MILLISECONDS;
  const heads: PackageHead[] = [];
  let looked = after;
  const from = after === '' ? undefined : readPackageId(after);
  for await (const { heads: some, last } of new PackageReader(tables).lookFor(id, 'rejected', from)) {
    for (const head of some.filter((each) => holds(each, reason))) {
      if (heads.length === ROWS) return { heads, last: looked, isCut: true };
      heads.push(head);
      looked = head.packageId;
    }
    if (last) looked = packageIdOf(id, last.clientId, last.part);
    if (last && Date.now() > until) return { heads, last: looked, isCut: true };
  }
  return { heads, last: looked, isCut: false };
}

function holds({ reason = '' }: PackageHead, words: string): boolean {
  return reason.toLowerCase().includes(words.toLowerCase());
}

/** What a page shows: as many as it holds, or those that were found in the time that a look may take. */
async function found(
  cloud: Cloud,
  period: Period,
  search: PackageSearch,
): Promise<{ heads: PackageHead[]; last: string; isCut: boolean }> {
  if (search.state === 'rejected' && search.client === '') return foundRejected(cloud, period, search);
  const states = PACKAGE_STATES.filter((state) => search.state === '' || state === search.state);
  const after = search.after === '' ? undefined : readPackageId(search.after);
  const place = after && { clientId: after.clientId, part: after.part, state: states[0] ?? 'ready' };
  const until = Date.now() + LOOK_MILLISECONDS;
  const heads: PackageHead[] = [];
  let last = search.after;
  const listing = {
    clientId: search.client || undefined,
    after: place,
    // All that are read are shown, unless some are sought among them.
    ...(search.reason === '' ? { atOnce: ROWS + 1 } : {}),
  };
  for await (const head of packagesOf(cloud, period, states, listing)) {
    if (heads.length === ROWS || Date.now() > until) return { heads, last, isCut: true };
    last = head.packageId;
    if (holds(head, search.reason)) heads.push(head);
  }
  return { heads, last, isCut: false };
}

function option(state: PackageState, chosen: string): Markup {
  return state === chosen ? html`<option selected>${state}</option>` : html`<option>${state}</option>`;
}

/** A state with what it means. */
export function stateMark(state: PackageState): Markup {
  return html`<span class="mark ${state}" title="${STATE_WORDS[state]}">${state}</span>`;
}

/** One package: its document, revisions with their differences, every attempt with its answer. */
export async function packagePage(frame: Frame, cloud: Cloud, id: string, formToken: string): Promise<Markup> {
  const { periodId, clientId, part } = readPackageId(id);
  const head = await new PackageStore(cloud.tables).loadHead(periodId, clientId, part);
  if (!head) throw new CommandFailed('NO_PACKAGE', `There is no package ${id}.`);
  const revisions = (await new PackageReader(cloud.tables).revisionsOfClient(periodId, clientId)).filter(
    (each) => each.part === part,
  );
  // Written by documentText, which made it from a PackageDocument.
  const read = revisions.map((each) => ({ ...each, content: JSON.parse(each.document) as PackageDocument }));
  const current = read.find(({ revision }) => revision === head.revision);
  return page(
    frame,
    `Package ${head.packageId}`,
    `npx halfmonth package ${head.packageId}`,
    html`${facts([
      ['State', html`${stateMark(head.state)} ${STATE_WORDS[head.state]}`],
      ...(head.reason ? ([['Reason', head.reason]] as [string, string][]) : []),
      ...(head.remark ? ([['Remark', head.remark]] as [string, string][]) : []),
      ['Client', html`<a href="/client?id=${encodeURIComponent(clientId)}&period=${periodId}">${clientId}</a>`],
      [
        'Revision',
        html`${head.revision}, submission ${head.submission}; last processed: ${head.lastProcessedRevision || 'none'}`,
      ],
      ['Attempts', head.attemptCount],
    ])}
      ${
        frame.mayChange && (head.state === 'parked' || head.state === 'rejected')
          ? html`<section class="changes"><h2>Decide</h2>
            ${decisionForm({ change: 'release', subject: head.packageId, token: formToken, words: 'Send it again' })}
            ${head.state === 'parked' ? decisionForm({ change: 'give-up', subject: head.packageId, token: formToken, words: 'Give it up' }) : ''}
          </section>`
          : ''
      }
      <h2>What is billed</h2>
      ${table(
        'Lines',
        [{ name: 'Meter' }, { name: 'Quantity', isFigure: true }, { name: 'Days', isFigure: true }],
        (current?.content.lines ?? []).map((line) => [lineWords(line), line.quantity, line.days.length]),
      )}
      <h2>Attempts</h2>
      ${
        head.attempts.length === 0
          ? html`<p class="none">None yet.</p>`
          : html`<ol class="timeline">
            ${head.attempts.map((attempt) => html`<li>${time(attempt.at, frame.timeZone)} <span>${attemptWords(attempt)}</span></li>`)}
          </ol>`
      }
      <h2>Revisions</h2>
      ${read.map(
        ({ revision, madeAt, runId, content }) => html`<details ${revision === head.revision ? 'open' : ''}>
          <summary>Revision ${revision}, made ${time(madeAt, frame.timeZone)}</summary>
          <p>Made by <a href="/run/${runId}">${runId}</a></p>
          ${table(
            content.difference ? `Difference to revision ${content.difference.sinceRevision}` : 'The first',
            [{ name: 'Meter' }, { name: 'Change', isFigure: true }],
            (content.difference?.lines ?? []).map((line) => [lineWords(line), signed(line.quantity)]),
          )}
        </details>`,
      )}`,
  );
}
