import { html } from 'hono/html';
import { type PictureCell, pictureOf, spentIn } from '../cli/invoice-api/calendar-picture.ts';
import { durationWords } from '../cli/terminal/words.ts';
import type { QuotaCalendar } from '../lib/quota/calendar.ts';
import type { Quota } from '../lib/quota/quota.ts';
import { type Markup, time } from './layout.ts';

const CELLS = 60;
const CELL_WIDTH = 8;
const STRIP_HEIGHT = 28;
const MINUTE = 60_000;

/** The last hour, the next ten minutes and the day ahead of the quota calendar, with blocks and who holds the turn. */
export function quotaPicture(
  calendar: QuotaCalendar,
  quota: Quota,
  { now, timeZone, mayChange }: { now: number; timeZone: string; mayChange: boolean },
): Markup {
  const laid = (cellMilliseconds: number) => pictureOf(calendar, quota, { now, cells: CELLS, cellMilliseconds });
  const minutes = laid(10_000);
  const day = laid(24 * MINUTE);
  const spent = spentIn(calendar, { now, cells: CELLS, cellMilliseconds: MINUTE });
  const most = Math.max(1, ...spent.map(({ requests }) => requests));
  const { windows, blockedUntil, blockedBy, sending } = minutes;
  return html`<div class="quota">
    ${
      blockedUntil
        ? html`<p class="look">
            Everybody stays away until ${time(blockedUntil, timeZone)}, after: ${blockedBy ?? 'the invoice API asked for it'}.
            ${mayChange ? html`<a href="/change/unblock">Lift the block</a>` : html`To go on before that: <code>npx halfmonth quota --unblock</code>`}
          </p>`
        : ''
    }
    ${sending ? html`<p>A turn is open: up to ${sending.requests} requests (${sending.kind}) until ${time(sending.until, timeZone)}.</p>` : ''}
    ${windows.length === 0 ? html`<p>The invoice API has no quota here.</p>` : ''}
    ${windows.map(({ kinds, requests, seconds, used }) => {
      const name = `${kinds.join(' and ')} in ${durationWords(seconds * 1_000)}`;
      return html`<p class="window">
        <span>${name}</span><meter min="0" max="${requests}" value="${Math.min(used, requests)}">${used} of ${requests}</meter>
        <span class="figure">${used} of ${requests} requests</span>
      </p>`;
    })}
    ${strip(
      'Requests in the last hour, minute by minute',
      spent.map(({ requests }) => ({
        state: requests > 0 ? 'left' : 'free',
        share: requests / most,
        words: `${requests} requests`,
      })),
    )}
    ${strip('The next 10 minutes', minutes.cells.map(ahead))} ${strip('The next 24 hours', day.cells.map(ahead))}
    <p class="legend">
      <span class="key left">has left</span><span class="key booked">booked</span><span class="key free">free</span
      ><span class="key spent">quota spent</span><span class="key blocked">blocked</span>
    </p>
  </div>`;
}

interface StripCell {
  state: PictureCell['state'] | 'left';
  share: number;
  words: string;
}

function ahead({ state, booked }: PictureCell): StripCell {
  return { state, share: 1, words: booked > 0 ? `${state}, ${booked} requests booked` : state };
}

function strip(label: string, cells: readonly StripCell[]): Markup {
  return html`<figure class="strip">
    <figcaption>${label}</figcaption>
    <svg viewBox="0 0 ${CELLS * CELL_WIDTH} ${STRIP_HEIGHT}" role="img" aria-label="${label}: ${summaryOf(cells)}">
      ${cells.map(({ state, share, words }, index) => {
        const height = Math.max(2, share * STRIP_HEIGHT);
        return html`<rect class="${state}" x="${index * CELL_WIDTH}" y="${STRIP_HEIGHT - height}" width="${CELL_WIDTH - 1}" height="${height}"><title>${words}</title></rect>`;
      })}
    </svg>
  </figure>`;
}

function summaryOf(cells: readonly StripCell[]): string {
  const counts = Map.groupBy(cells, ({ state }) => state);
  return [...counts].map(([state, of]) => `${of.length} of ${cells.length} ${state}`).join(', ');
}
