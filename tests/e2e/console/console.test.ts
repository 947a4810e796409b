import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, BrowserContext, Page, Response } from 'playwright-core';
import { periodIdOfDay } from '../../../lib/periods/periods.ts';
import { QuotaCalendarStore } from '../../../lib/store/quota-calendar-store.ts';
import { startConsole as startConsoleOfStart } from '../../../local/start/console-of-start.ts';
import { hasBrowser, startBrowser } from '../../fixtures/browser.ts';
import { type CommandLineWorld, startCommandLineWorld } from '../../fixtures/command-line.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PROGRAM = fileURLToPath(new URL('../../../cli/halfmonth.mjs', import.meta.url));
/** What a producer or a person may write: it must stay text. */
const HOSTILE = '<img src=x onerror=document.title=`stolen`>';

let world: CommandLineWorld;
let id: string;
let browser: Browser;
let consoles: ChildProcess[] = [];

// One closing day in the browser: each test goes on where the one before it ended.
(hasBrowser ? describe : describe.skip)('the console in a real browser', () => {
  let context: BrowserContext;
  let page: Page;
  let origin: string;
  let entrance: string;

  beforeAll(async () => {
    world = await startCommandLineWorld();
    id = world.period.id;
    browser = await startBrowser({ names: ['rebound.example'] });
    entrance = await startConsole('--allow-changes');
    origin = new URL(entrance).origin;
    context = await browser.newContext({ locale: 'en-US' });
    // A preview is a whole run, and a busy machine takes its time for one.
    context.setDefaultTimeout(100_000);
    page = await context.newPage();
    await world.count([
      world.event('acme', '10.5'),
      world.event('globex', '2'),
      world.event('globex', '2', { meter: HOSTILE }),
      world.event('initech', '7'),
    ]);
  }, 300_000);

  afterAll(async () => {
    await browser?.close();
    for (const child of consoles) child.kill('SIGTERM');
    consoles = [];
    await world?.stop();
  });

  test('the address opens one session, in a cookie that no script and no other site sees', async () => {
    await page.goto(entrance);

    expect(page.url()).toBe(`${origin}/period/${id}`);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
    const again = await (await browser.newContext()).newPage();
    expect((await again.goto(entrance))?.status()).toBe(401);
    expect(await again.textContent('main')).toContain('npx halfmonth console');
  });

  test('a page of another site, a rebound name and a request without a session read nothing', async () => {
    const stranger = createServer((_, response) =>
      response.setHeader('content-type', 'text/html').end('<h1>hello</h1>'),
    );
    await once(stranger.listen(0, '127.0.0.1'), 'listening');
    // A server that listens on a host and a port has an address of this form.
    const { port } = stranger.address() as AddressInfo;
    const foreign = await context.newPage();
    await foreign.goto(`http://localhost:${port}/`);

    const read = await foreign.evaluate(
      (target) => fetch(`${target}/parked`, { credentials: 'include' }).then((answer) => answer.text(), String),
      origin,
    );
    const rebound = await foreign.goto(`http://rebound.example:${new URL(origin).port}/period/${id}`);

    expect(read).toMatch(/TypeError|Not signed in/);
    expect(rebound?.status()).toBe(403);
    expect(await statusOf('/periods', {})).toBe(401);
    await foreign.close();
    stranger.close();
  });

  test('a change needs a form of the console itself', async () => {
    const cookies = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join('; ');
    const form = 'change=run&subject=x&token=guessed';

    expect(await statusOf('/change/do', { cookie: cookies, origin: 'http://evil.example' }, form)).toBe(403);
    expect(await statusOf('/change/do', { cookie: cookies, origin }, form)).toBe(403);
  });

  test('a block of the invoice API is lifted with a reason, which is kept', async () => {
    const { region, credentials, endpoints, outputs } = world.cloud;
    const client = new DynamoDBClient({ region, credentials, endpoint: endpoints.dynamodb });
    const calendar = new QuotaCalendarStore({ client, runs: String(outputs.RunsTableName) }, 'invoice-api');
    const blockedUntil = Date.now() + 3_600_000;
    await calendar.change((now) => ({ calendar: { ...now, blockedUntil, blockedBy: `HTTP 429 ${HOSTILE}` } }));

    await page.goto(`${origin}/period/${id}`);
    expect(await page.textContent('.quota .look')).toContain('HTTP 429 <img');
    // The same text turned around, in a piece that comes by itself.
    await calendar.change((now) => ({ calendar: { ...now, blockedBy: `HTTP 429 ${HOSTILE} \u202Edesrever` } }));
    await page.locator('.quota .look', { hasText: '\\u202edesrever' }).waitFor({ timeout: 60_000 });
    expect(await page.title()).not.toContain('stolen');
    await page.getByRole('link', { name: 'Lift the block' }).click();
    await page.getByLabel('Why?').fill('They mended it');
    await page.getByRole('button', { name: 'Lift the block' }).click();
    expect((await calendar.load()).blockedUntil).toBe(blockedUntil);
    expect(await page.textContent('.command')).toContain("--unblock --reason 'They mended it'");
    await page.getByRole('button', { name: 'Yes, do it' }).click();

    expect(await page.textContent('.said')).toContain('The block is lifted');
    expect(await calendar.load()).toMatchObject({ blockedUntil: 0, lifted: { reason: 'They mended it' } });
    client.destroy();
  });

  test('usage of today stands in the page of a client before any run', async () => {
    const day = new Date().toISOString().slice(0, 10);
    await world.count([world.event('acme', '4.25', { time: new Date().toISOString() })]);

    await page.goto(`${origin}/client?id=acme&period=${periodIdOfDay(day)}`);

    expect(await page.getByRole('row', { name: day }).textContent()).toContain('4.25');
  });

  test('it offers the run that is due, says what it would do, and does it', async () => {
    world.api.setFaults({ unprocessed: 1 });
    await page.goto(`${origin}/period/${id}`);
    await page.getByRole('link', { name: 'Preview or start a run' }).click({ timeout: 30_000 });
    await page.getByRole('button', { name: 'Show what a run would do' }).click();
    expect(await page.textContent('.question')).toBe('Nothing was changed.');
    expect(await page.textContent('.said')).toContain('3 packages');
    await page.getByRole('button', { name: 'Start a run' }).click();
    expect(await page.textContent('.question')).toContain(id);
    await page.getByRole('button', { name: 'Yes, do it' }).click();
    expect(await page.textContent('.said')).toContain('npx halfmonth');

    await page.goto(`${origin}/period/${id}`);
    await page.getByText('3 packages parked').waitFor({ timeout: 100_000 });

    expect(await page.locator('.machine .entered').count()).toBeGreaterThan(5);
    expect(await page.locator('.funnel .parked .figure').textContent()).toBe('3');
  });

  test('a parked package is found, released with a reason, and the run goes on to its certificate', async () => {
    world.api.setFaults({ unprocessed: 0 });
    await page.goto(`${origin}/parked`);
    for (const client of ['acme', 'globex', 'initech']) {
      await page.goto(`${origin}/package/${id}.${client}`);
      await page.getByLabel('Why?').first().fill(`API mended ${HOSTILE}`);
      await page.getByRole('button', { name: 'Send it again' }).click();
      await page.getByRole('button', { name: 'Yes, do it' }).click();
      expect(await page.textContent('.said')).toContain('1 package released');
    }
    await page.goto(`${origin}/period/${id}`);
    await page.getByRole('link', { name: 'Look at it' }).click({ timeout: 100_000 });
    await page.getByRole('button', { name: 'Let it go on where it failed' }).click();
    await page.getByRole('button', { name: 'Yes, do it' }).click();

    await page.goto(`${origin}/period/${id}`);
    await page.locator('.funnel .processed .figure').getByText('3', { exact: true }).waitFor({ timeout: 100_000 });
    await page.locator('.facts a[href^="/certificate/"]').waitFor({ timeout: 100_000 });
    await page.goto(`${origin}/package/${id}.acme`);

    expect(await page.textContent('.timeline')).toContain('API mended');
  });

  test('a certificate is verified in the page, against the books and the invoice API', async () => {
    await page.goto(`${origin}/certificate/${id}`);
    await page.getByRole('link', { name: 'against the invoice API too' }).click();

    const verdict = page.getByText('agrees line by line');
    await verdict.waitFor({ timeout: 30_000 });

    expect(await verdict.textContent()).toContain('what the invoice API holds');
  });

  test('a certificate is printed on white paper, without the menu', async () => {
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.goto(`${origin}/certificate/${id}`);
    const menu = await page.locator('header').isVisible();
    // Strings, since the types of a browser's page are not those of this program.
    const quietInk = await page.evaluate('getComputedStyle(document.querySelector("dt")).color');
    const overflow = await page.evaluate('getComputedStyle(document.querySelector(".scroll")).overflowX');
    await page.emulateMedia({ media: null, colorScheme: null });

    expect({ menu, quietInk, overflow }).toEqual({ menu: false, quietInk: 'rgb(74, 90, 87)', overflow: 'visible' });
  });

  test('a page has little script, and no other host', async () => {
    const answers: Response[] = [];
    const keep = (answer: Response) => void answers.push(answer);
    page.on('response', keep);
    await page.goto(`${origin}/client?id=acme&period=${id}`, { waitUntil: 'load' });
    page.off('response', keep);
    const scripts = answers.filter((answer) => answer.request().resourceType() === 'script');
    const bodies = await Promise.all(scripts.map((answer) => answer.body()));

    expect(new Set(answers.map((answer) => new URL(answer.url()).origin))).toEqual(new Set([origin]));
    expect(scripts.length).toBeGreaterThan(0);
    expect(bodies.reduce((sum, body) => sum + gzipSync(body).length, 0)).toBeLessThan(150_000);
  });

  test.each([
    ['a producer sends', '/rejected', 'table'],
    ['a person writes', '/package/PERIOD.acme', '.timeline'],
  ])('what %s is text', async (_who, path, place) => {
    await page.goto(origin + path.replace('PERIOD', id));

    expect(await page.textContent(place)).toContain('<img src=x');
    expect(await page.title()).not.toContain('stolen');
    expect(await page.locator('img').count()).toBe(0);
  });

  test.each(['light', 'dark'] as const)('every page is accessible, in %s, at any width', async (colorScheme) => {
    const looked = await browser.newContext({
      locale: 'en-US',
      colorScheme,
      storageState: await context.storageState(),
    });
    const each = await looked.newPage();
    const paths = [
      '/',
      '/periods',
      `/packages/${id}`,
      `/package/${id}.acme`,
      `/client?id=acme&period=${id}`,
      '/rejected',
    ];
    for (const path of [...paths, '/parked', `/certificate/${id}`, '/doctor', '/period/2026-13-H1', '/nowhere']) {
      await each.setViewportSize({ width: path === '/' ? 2_560 : 360, height: 900 });
      await each.goto(origin + path);
      await each.evaluate(AXE);
      const violations = await each.evaluate(async () => {
        const { axe } = globalThis as unknown as {
          axe: { run(): Promise<{ violations: { id: string; help: string }[] }> };
        };
        return (await axe.run()).violations.map(({ id: rule, help }) => `${rule}: ${help}`);
      });
      const overflow = await each.locator('html').evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth);

      expect({ path, violations, overflow }).toEqual({ path, violations: [], overflow: 0 });
    }
    await looked.close();
  });

  test('looking alone offers no change and takes none', async () => {
    const { address, stop } = await startConsoleOfStart(world.folder);
    const looking = await (await browser.newContext({ locale: 'en-US' })).newPage();
    await looking.goto(address);
    await looking.goto(`${new URL(address).origin}/package/${id}.acme`);

    expect(await looking.locator('form.change').count()).toBe(0);
    expect(await looking.textContent('footer')).toContain('--allow-changes');
    await stop();
  });

  test('an unknown period and a client that is none get a page that says what to do', async () => {
    expect((await page.goto(`${origin}/period/2026-13-H1`))?.status()).toBe(400);
    expect(await page.textContent('main')).toContain('2026-13-H1');
    expect((await page.goto(`${origin}/client?id=a%23b`))?.status()).toBe(400);
    expect((await page.goto(`${origin}/run/none`))?.status()).toBe(404);
    expect(await page.textContent('main')).not.toMatch(/\.ts:\d+/);
  });

  async function startConsole(...options: string[]): Promise<string> {
    const child = spawn(process.execPath, [PROGRAM, 'console', '--no-open', '--json', ...options], {
      cwd: world.folder,
    });
    consoles.push(child);
    let said = '';
    child.stdout.on('data', (chunk) => {
      said += chunk;
    });
    while (!said.includes('\n')) await once(child.stdout, 'data');
    return (JSON.parse(said) as { address: string }).address;
  }

  /** A request as anything but a browser can make it. */
  async function statusOf(path: string, headers: Record<string, string>, body?: string): Promise<number | undefined> {
    const sent = request(origin + path, {
      method: body === undefined ? 'GET' : 'POST',
      headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }) },
    });
    sent.end(body);
    const [answer] = await once(sent, 'response');
    answer.resume();
    return answer.statusCode;
  }
});
