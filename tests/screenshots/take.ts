/**
 * `npm run -s screenshots`: pictures of every page of the console, of the local cloud that runs here (npm start --
 * --keep).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startBrowser } from '../fixtures/browser.ts';

const FOLDER = fileURLToPath(new URL('../../docs/images/', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../cli/halfmonth.mjs', import.meta.url));
const VIEW = { width: 1_280, height: 860 };

mkdirSync(FOLDER, { recursive: true });
const served = spawn(process.execPath, [PROGRAM, 'console', '--local', '--no-open', '--json'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
const browser = await startBrowser();
try {
  const [said] = await once(served.stdout, 'data');
  const { address } = JSON.parse(String(said)) as { address: string };
  const page = await browser.newPage({ locale: 'en-US', viewport: VIEW });
  await page.goto(address);
  const { origin, pathname } = new URL(page.url());
  const periodId = pathname.split('/').at(-1);
  await page.goto(`${origin}/packages/${periodId}`);
  const packageId = (await page.locator('tbody a').first().textContent()) ?? '';
  const client = packageId.slice(packageId.indexOf('.') + 1);
  const pages = {
    period: `/period/${periodId}`,
    periods: '/periods',
    packages: `/packages/${periodId}`,
    package: `/package/${packageId}`,
    client: `/client?id=${encodeURIComponent(client)}&period=${periodId}`,
    rejected: '/rejected',
    parked: '/parked',
    certificate: `/certificate/${periodId}`,
    doctor: '/doctor',
  };
  for (const [name, path] of Object.entries(pages)) {
    await page.goto(origin + path, { waitUntil: 'load' });
    await page.screenshot({ path: `${FOLDER}console-${name}.png` });
  }
} finally {
  await browser.close();
  served.kill('SIGTERM');
}
