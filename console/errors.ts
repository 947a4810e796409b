import { html } from 'hono/html';
import { HalfmonthError } from '../lib/errors/halfmonth-error.ts';
import type { Refusal } from './access.ts';
import type { Markup } from './layout.ts';

const REFUSALS: Record<Refusal, { status: 401 | 403; title: string; words: string }> = {
  'foreign-host': {
    status: 403,
    title: 'Not under this name',
    words: 'The console answers under 127.0.0.1 and localhost alone. Open the address that the command printed.',
  },
  'foreign-origin': {
    status: 403,
    title: 'Not from another page',
    words: 'A change is taken from the console itself alone. Nothing was changed.',
  },
  'not-signed-in': {
    status: 401,
    title: 'Not signed in, or no longer',
    words:
      'The address that the command opened works once, and a session ends after 12 hours. Start it again: npx halfmonth console',
  },
  'form-token': {
    status: 403,
    title: 'An old page',
    words:
      'This page was made before the console was started anew. Nothing was changed. Load it again and decide once more.',
  },
};

/** What is said of a request that was turned away. */
export function refusalOf(refusal: Refusal): { status: 401 | 403; title: string; words: string } {
  return REFUSALS[refusal];
}

/** A page of its own for what went wrong, without anything of the cloud: it is shown to strangers too. */
export function barePage(title: string, words: string): Markup {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${title} · Halfmonth</title>
    <link rel="stylesheet" href="/assets/console.css" />
  </head>
  <body>
    <main id="main"><h1>${title}</h1><p class="look">${words}</p></main>
  </body>
</html>`;
}

/** What a person is told of an error: what went wrong, and what to do; never a stack trace. */
export function wordsOfError(error: unknown): { status: 400 | 404 | 502; title: string; words: string; next: string } {
  if (!(error instanceof Error))
    return { status: 502, title: 'Something failed', words: String(error), next: TRY_AGAIN };
  if (error instanceof HalfmonthError) {
    const isUnknown = error.code.startsWith('NO_');
    return {
      status: isUnknown ? 404 : 400,
      title: isUnknown ? 'There is none' : 'That cannot be shown',
      words: error.message,
      next: GO_BACK,
    };
  }
  if (/Timeout|ECONN|ENOTFOUND|AggregateError/.test(`${error.name} ${(error as NodeJS.ErrnoException).code ?? ''}`)) {
    return {
      status: 502,
      title: 'The store does not answer',
      words: `${error.name}: ${error.message}`,
      next: STORE_SILENT,
    };
  }
  return { status: 502, title: 'Something failed', words: `${error.name}: ${error.message}`, next: TRY_AGAIN };
}

const GO_BACK = 'Look at what you asked for, or begin at the period.';
const TRY_AGAIN = 'Load the page again; npx halfmonth doctor looks whether all is in order.';
const STORE_SILENT =
  'Does the local cloud still run (npm start -- --keep), are you still signed in, is the network there? Then load the page again.';
