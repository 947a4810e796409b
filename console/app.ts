import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Context, Hono } from 'hono';
import { html } from 'hono/html';
import { secureHeaders } from 'hono/secure-headers';
import { streamSSE } from 'hono/streaming';
import type { Cloud } from '../cli/connection/cloud.ts';
import { lastEndedPeriod, type Period, periodOf } from '../lib/periods/periods.ts';
import { visibleText } from '../lib/text/visible-text.ts';
import type { Access } from './access.ts';
import { commandOf, decisionForm, isChange, previewOf, said, type WantedChange } from './changes.ts';
import { call } from './conversation.ts';
import { barePage, wordsOfError } from './errors.ts';
import { type Frame, type Markup, page } from './layout.ts';
import { LiveQuestion } from './live.ts';
import { doctorPage, parkedPage, periodsPage, rejectedPage } from './pages/books.ts';
import { certificatePage } from './pages/certificate.ts';
import { clientPage } from './pages/client.ts';
import { packagePage, packagesPage } from './pages/packages.ts';
import { PeriodWatch, periodPage } from './pages/period.ts';
import { runPage } from './pages/run.ts';
import { verify, verifyPage } from './pages/verify.ts';

/** How often a watched page is made anew: as often as `run --follow` looks. */
const PAUSE_MILLISECONDS = { local: 1_000, aws: 5_000 };

const ASSETS: Record<string, { file: URL; type: string }> = {
  'console.css': { file: new URL('./assets/console.css', import.meta.url), type: 'text/css' },
  'console.js': { file: new URL('./assets/console.js', import.meta.url), type: 'text/javascript' },
  'icon.svg': { file: new URL('./assets/icon.svg', import.meta.url), type: 'image/svg+xml' },
  'uPlot.iife.min.js': { file: new URL(import.meta.resolve('uplot/dist/uPlot.iife.min.js')), type: 'text/javascript' },
  'uPlot.min.css': { file: new URL(import.meta.resolve('uplot/dist/uPlot.min.css')), type: 'text/css' },
};

/** A piece of a page that comes by itself. What others wrote turns nothing in it, as in a whole page. */
function pictureOf(piece: string): { event: string; data: string } {
  return { event: 'picture', data: visibleText(piece) };
}

/** The console's pages over one cloud. */
export function consoleApp(cloud: Cloud, access: Access, mayChange: boolean): Hono {
  const app = new Hono();
  const watch = new PeriodWatch(mayChange);
  // Somebody is about to look, and it takes longer than a page's reads. What fails here fails again where it is shown.
  watch.machineOf(cloud).catch(() => {});
  const live = new Map<string, LiveQuestion>();
  const { timeZone } = cloud.calendar;
  const last = () => lastEndedPeriod(Date.now(), cloud.calendar).id;
  const frameOf = (context: Context, periodId = last()): Frame => ({
    target: cloud.target.kind === 'local' ? 'local cloud' : `${cloud.target.name}, ${cloud.target.region}`,
    timeZone,
    periodId,
    mayChange,
    path: context.req.path,
  });

  app.use(
    secureHeaders({
      contentSecurityPolicy: {
        defaultSrc: ["'none'"],
        scriptSrc: ["'self'"],
        styleSrc: ["'self'"],
        imgSrc: ["'self'"],
        connectSrc: ["'self'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
        baseUri: ["'none'"],
      },
      xFrameOptions: 'DENY',
      // Without a referrer at all, forms of our own would come with the origin "null".
      referrerPolicy: 'same-origin',
      // It is loopback without TLS: the header would mean nothing.
      strictTransportSecurity: false,
    }),
  );
  app.get('/assets/:name', (context) => {
    const asset = ASSETS[context.req.param('name')];
    if (!asset) return context.notFound();
    return context.body(readFileSync(fileURLToPath(asset.file)), 200, {
      'content-type': asset.type,
      'cache-control': 'max-age=3600',
    });
  });
  app.use(access.guard);
  app.use(async (context, next) => {
    await next();
    // What is shown is confidential: nothing of it stays in a cache.
    context.header('cache-control', 'no-store');
  });
  app.use(async (context, next) => {
    await next();
    if (!context.res.headers.get('content-type')?.startsWith('text/html')) return;
    // What others wrote turns nothing on a page, and hides nothing.
    context.res = new Response(visibleText(await context.res.text()), context.res);
  });
  app.get('/enter', access.enter);
  app.get('/', (context) => context.redirect(`/period/${last()}`, 302));

  const show = (made: (context: Context) => Promise<Markup>) => async (context: Context) =>
    context.html(await made(context));
  const named = (context: Context): Period => periodOf(context.req.param('period') ?? last());
  app.get(
    '/period/:period',
    show((context) => periodPage(frameOf(context, named(context).id), cloud, named(context), watch)),
  );
  app.get(
    '/periods',
    show((context) => periodsPage(frameOf(context), cloud)),
  );
  app.get(
    '/packages/:period',
    show((context) => {
      const { client = '', state = '', reason = '', after = '' } = context.req.query();
      return packagesPage(frameOf(context, named(context).id), cloud, named(context), { client, state, reason, after });
    }),
  );
  app.get(
    '/package/:id',
    show((context) => packagePage(frameOf(context), cloud, context.req.param('id') ?? '', access.formToken(context))),
  );
  app.get(
    '/client',
    show((context) => {
      const period = periodOf(context.req.query('period') || last());
      return clientPage(frameOf(context, period.id), cloud, context.req.query('id') ?? '', period);
    }),
  );
  app.get(
    '/rejected',
    show((context) => rejectedPage(frameOf(context), cloud, access.formToken(context))),
  );
  app.get(
    '/parked',
    show((context) => parkedPage(frameOf(context), cloud, access.formToken(context))),
  );
  app.get(
    '/certificate/:period',
    show((context) => certificatePage(frameOf(context, named(context).id), cloud, named(context))),
  );
  const withApi = (context: Context) => context.req.query('api') === 'yes';
  app.get(
    '/verify/:period',
    show((context) => verifyPage(frameOf(context, named(context).id), cloud, named(context), withApi(context))),
  );
  app.get(
    '/doctor',
    show((context) => doctorPage(frameOf(context), cloud)),
  );
  app.get(
    '/run/:name',
    show((context) => runPage(frameOf(context), cloud, context.req.param('name') ?? '', access.formToken(context))),
  );

  app.get('/live/period/:period', (context) => {
    const period = named(context);
    const question =
      live.get(period.id) ??
      new LiveQuestion(
        async () => String(await answered(() => watch.picture(cloud, period, timeZone))),
        PAUSE_MILLISECONDS[cloud.target.kind],
      );
    live.set(period.id, question);
    return streamSSE(context, async (stream) => {
      const ended = new Promise<void>((resolve) => stream.onAbort(resolve));
      const stop = question.listen((data) => void stream.writeSSE(pictureOf(data)));
      await ended;
      stop();
    });
  });

  app.get('/live/verify/:period', (context) =>
    streamSSE(context, async (stream) => {
      let written = Promise.resolve();
      const show = (piece: Markup) => {
        written = written.then(async () => stream.writeSSE(pictureOf(String(await piece))));
      };
      const failure = await failureOf(() => verify(cloud, named(context), withApi(context), show));
      if (failure) show(failure);
      await written;
      // Without it the browser would ask again, and verify for ever.
      await stream.writeSSE({ event: 'end', data: '' });
    }),
  );

  app.post('/change/:step', async (context) => {
    const wanted = wantedOf(await context.req.parseBody());
    if (!mayChange || wanted === undefined) return context.notFound();
    const isDecided = context.req.param('step') === 'do';
    const answer = await call(cloud, commandOf(wanted).call, isDecided);
    const token = access.formToken(context);
    const body = isDecided
      ? html`${said(answer.lines)}<p><a href="/">To the period</a></p>`
      : previewOf(wanted, answer.question, answer.lines, token);
    return context.html(
      await page(frameOf(context), `${wanted.change} ${wanted.subject}`, commandOf(wanted).line, body),
    );
  });
  app.get(
    '/change/run/:period',
    show(async (context) => startPage(frameOf(context), named(context), access.formToken(context))),
  );

  app.get(
    '/change/unblock',
    show(async (context) => unblockPage(frameOf(context), access.formToken(context))),
  );

  app.notFound((context) =>
    context.html(barePage('There is no such page', 'Begin at the period: open the console at /.'), 404),
  );
  app.onError(async (error, context) => {
    const { status, title, words, next } = wordsOfError(error);
    const body = html`<p class="look">${words}</p><p>${next}</p><p><a href="/">To the period</a></p>`;
    return context.html(await page(frameOf(context), title, 'npx halfmonth doctor', body), status);
  });
  return app;
}

function startPage(frame: Frame, period: Period, token: string): Markup {
  return page(
    frame,
    `Run ${period.id}`,
    `npx halfmonth run ${period.id}`,
    frame.mayChange
      ? html`${decisionForm({ change: 'preview', subject: period.id, token, words: 'Show what a run would do' })}
    ${decisionForm({ change: 'run', subject: period.id, token, words: 'Start a run' })}`
      : NO_CHANGES,
  );
}

function unblockPage(frame: Frame, token: string): Markup {
  return page(
    frame,
    'Lift the block',
    'npx halfmonth quota',
    html`<p>Runs and commands stay away from the invoice API while it is blocked. Your reason is kept with the calendar.</p>
      ${frame.mayChange ? decisionForm({ change: 'unblock', subject: '', token, words: 'Lift the block' }) : NO_CHANGES}`,
  );
}

const NO_CHANGES = html`<p class="look">This console only looks. Start it with --allow-changes to change something.</p>`;

function wantedOf({ change, subject, reason = '' }: Record<string, unknown>): WantedChange | undefined {
  if (typeof change !== 'string' || typeof subject !== 'string' || typeof reason !== 'string') return undefined;
  return isChange(change) ? { change, subject, reason } : undefined;
}

/** A piece that cannot be made says why in its place, and is tried again. */
async function answered(make: () => Promise<Markup>): Promise<Markup> {
  try {
    return await make();
  } catch (error) {
    return failureWords(error);
  }
}

async function failureOf(work: () => Promise<void>): Promise<Markup | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    return failureWords(error);
  }
}

function failureWords(error: unknown): Markup {
  const { title, words, next } = wordsOfError(error);
  return html`<p class="look"><strong>${title}.</strong> ${words} ${next}</p>`;
}
