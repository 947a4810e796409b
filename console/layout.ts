import { html, raw } from 'hono/html';
import type { HtmlEscapedString } from 'hono/utils/html';

/** A piece of a page. Whatever is put into it with `html` is text, never markup. */
export type Markup = HtmlEscapedString | Promise<HtmlEscapedString>;

/** What every page knows. */
export interface Frame {
  /** The cloud that is looked at, such as `local` or `prod, eu-central-1`. */
  target: string;
  timeZone: string;
  /** The period that links lead to. */
  periodId: string;
  mayChange: boolean;
  /** The path of the page, for the mark in the menu. */
  path: string;
}

const PAGES = [
  ['/period/', 'Period'],
  ['/periods', 'Periods'],
  ['/packages/', 'Packages'],
  ['/client', 'Client'],
  ['/rejected', 'Rejected'],
  ['/parked', 'Parked'],
  ['/certificate/', 'Certificate'],
  ['/doctor', 'Doctor'],
] as const;

/**
 * A whole page.
 * @param command the command that prints the same figures
 */
export function page(frame: Frame, title: string, command: string, body: Markup): Markup {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title} · Halfmonth ${frame.target}</title>
    <link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
    <link rel="stylesheet" href="/assets/uPlot.min.css" />
    <link rel="stylesheet" href="/assets/console.css" />
    <script src="/assets/uPlot.iife.min.js" defer></script>
    <script src="/assets/console.js" defer></script>
  </head>
  <body>
    <a class="skip" href="#main">To the content</a>
    <header>
      <p class="brand"><strong>Halfmonth</strong> <span>${frame.target}</span></p>
      <nav aria-label="Pages">
        ${PAGES.map(([path, name]) => {
          const target = path.endsWith('/') ? path + frame.periodId : path;
          const isHere = frame.path === path || (path.endsWith('/') && frame.path.startsWith(path));
          return html`<a href="${target}" ${isHere ? raw('aria-current="page"') : ''}>${name}</a>`;
        })}
      </nav>
      <div class="switches">
        <button type="button" data-switch="clock" aria-pressed="false">UTC</button>
        <button type="button" data-switch="theme" aria-pressed="false">Dark</button>
      </div>
    </header>
    <main id="main">
      <div class="title">
        <h1>${title}</h1>
        ${commandLine(command)}
      </div>
      ${body}
    </main>
    <footer>
      <p>
        ${frame.mayChange ? 'Changes are allowed: each asks first.' : 'Looking changes nothing. To change something, start the console with --allow-changes.'}
        Times are in ${frame.timeZone}.
      </p>
    </footer>
  </body>
</html>`;
}

/** A command, with a button that copies it. */
export function commandLine(command: string): Markup {
  return html`<p class="command">
    <code>${command}</code><button type="button" data-copy="${command}" aria-label="Copy ${command}">Copy</button>
  </p>`;
}

/** An instant in the billing time zone, with UTC at hand. @param instant milliseconds since the epoch, or RFC 3339 */
export function time(instant: number | string, timeZone: string): Markup {
  const at = new Date(instant);
  if (Number.isNaN(at.getTime())) return html`<span>${String(instant)}</span>`;
  const utc = `${at.toISOString().slice(0, 19).replace('T', ' ')} UTC`;
  const local = `${inZone(at, timeZone)} ${timeZone === 'UTC' ? 'UTC' : ''}`.trim();
  return html`<time datetime="${at.toISOString()}" data-zone="${local}" data-utc="${utc}" title="${utc}">${local}</time>`;
}

const FORMATS = new Map<string, Intl.DateTimeFormat>();

function inZone(at: Date, timeZone: string): string {
  let format = FORMATS.get(timeZone);
  if (!format) {
    // Swedish writes dates as ISO 8601 does.
    format = new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'medium' });
    FORMATS.set(timeZone, format);
  }
  return format.format(at);
}

/** Names and values, one below the other. */
export function facts(rows: readonly (readonly [name: string, value: Markup | string | number])[]): Markup {
  return html`<dl class="facts">
    ${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
  </dl>`;
}

/** A table; figures stand right. `caption` says what it is, for those who do not see it. */
export function table(
  caption: string,
  headings: readonly { name: string; isFigure?: boolean }[],
  rows: readonly (readonly (Markup | string | number)[])[],
): Markup {
  if (rows.length === 0) return html`<p class="none">${caption}: none.</p>`;
  const kind = (index: number) => (headings[index]?.isFigure ? 'figure' : '');
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table>
      <caption>${caption}</caption>
      <thead><tr>${headings.map(({ name }, index) => html`<th scope="col" class="${kind(index)}">${name}</th>`)}</tr></thead>
      <tbody>
        ${rows.map((row) => html`<tr>${row.map((cell, index) => html`<td class="${kind(index)}">${cell}</td>`)}</tr>`)}
      </tbody>
    </table>
  </div>`;
}

/** A chart that the browser draws with uPlot, and the same figures as a table for those who do not see it. */
export function chart(
  label: string,
  data: {
    unit: string;
    times?: readonly number[];
    labels?: readonly string[];
    series: readonly { name: string; values: readonly number[] }[];
  },
): Markup {
  return html`<figure class="chart" aria-label="${label}" data-chart="${JSON.stringify(data)}">
    <figcaption>${label}</figcaption>
  </figure>`;
}
