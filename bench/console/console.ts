/**
 * `npm run -s bench:console`: how long a page of the console takes that nobody has asked for before, and its first
 * paint where CHROMIUM_PATH names a browser, over the packages of a closing day on the local engine.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { PERIOD, startClosingDay } from '../cli/closing-day.ts';

const PROGRAM = fileURLToPath(new URL('../../cli/halfmonth.mjs', import.meta.url));
const ROUNDS = 3;
const PAGES: Record<string, string> = {
  period: `/period/${PERIOD}`,
  packages: `/packages/${PERIOD}`,
  parked: `/packages/${PERIOD}?state=parked`,
  rejected: `/packages/${PERIOD}?state=rejected`,
  farOn: `/packages/${PERIOD}?after=${PERIOD}.client-0050000`,
  package: `/package/${PERIOD}.client-0000010`,
  client: `/client?id=client-0000010&period=${PERIOD}`,
  periods: '/periods',
  parkedByReason: '/parked',
};

const { values } = parseArgs({
  options: { json: { type: 'boolean' }, packages: { type: 'string', default: '100000' } },
});
const packages = Number(values.packages);
const executablePath = process.env.CHROMIUM_PATH;

const day = await startClosingDay(packages);
try {
  await day.keepRunRecord(0);
  const milliseconds: Record<string, number[]> = {};
  for (const [name, path] of Object.entries(PAGES)) {
    const all: number[] = [];
    for (let round = 0; round < ROUNDS; round++) all.push(await coldPage(path));
    milliseconds[name] = all;
  }
  const paints = executablePath ? await firstPaints(executablePath) : [];
  const result = {
    packages,
    coldPageMilliseconds: Object.fromEntries(Object.entries(milliseconds).map(([name, all]) => [name, median(all)])),
    ...(paints.length > 0 ? { firstPaintMilliseconds: median(paints) } : {}),
  };
  console.log(values.json ? JSON.stringify(result) : JSON.stringify(result, undefined, 2));
} finally {
  await day.stop();
}

/** A console that was just started is asked for one page, as the first thing after the session is open. */
async function coldPage(path: string): Promise<number> {
  return inConsole(async (address) => {
    const entered = await fetch(address, { redirect: 'manual' });
    const cookie = entered.headers.getSetCookie().map((text) => text.split(';')[0]);
    const startedAt = performance.now();
    const answer = await fetch(new URL(path, address), { headers: { cookie: cookie.join('; ') } });
    await answer.text();
    if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
    return performance.now() - startedAt;
  });
}

/** From the opened address to what a person sees first. */
async function firstPaints(browserPath: string): Promise<number[]> {
  const browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'], headless: true });
  const paints: number[] = [];
  try {
    for (let round = 0; round < ROUNDS; round++) {
      await inConsole(async (address) => {
        const page = await (await browser.newContext()).newPage();
        await page.goto(address, { waitUntil: 'load' });
        // Counted by the browser from the moment that the address was opened, redirections included.
        const paint = await page.evaluate('performance.getEntriesByName("first-contentful-paint")[0]?.startTime');
        if (typeof paint === 'number') paints.push(paint);
        await page.close();
      });
    }
  } finally {
    await browser.close();
  }
  return paints;
}

async function inConsole<Result>(use: (address: string) => Promise<Result>): Promise<Result> {
  const child: ChildProcess = spawn(process.execPath, [PROGRAM, 'console', '--no-open', '--json'], {
    cwd: day.folder,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  try {
    if (!child.stdout) throw new Error('the console has no output');
    const [said] = await once(child.stdout, 'data');
    const { address } = JSON.parse(String(said)) as { address: string };
    return await use(address);
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

function median(all: number[]): number {
  return Math.round(all.toSorted((one, other) => one - other)[Math.floor(all.length / 2)] ?? 0);
}
