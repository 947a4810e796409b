import { createServer } from 'node:http';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { type LocalCloud, startLocalCloud } from '../../../local/cloud/local-cloud.ts';
import { type DynamoDbEngine, startDynamoDbEngine } from '../../../local/engines/dynamodb-engine.ts';
import { hasBrowser, startBrowser } from '../../fixtures/browser.ts';
import { writeServicePackage } from '../../fixtures/service-package.ts';

const TOKEN = 'token-that-no-page-may-read';
/** A name of the attacker that resolves to this machine by now. */
const REBOUND_NAME = 'rebound.example';
/** What any page can make up: engines look for the word, not for the proof. */
const MADE_UP_SIGNATURE =
  'AWS4-HMAC-SHA256 Credential=local/20261125/eu-central-1/SERVICE/aws4_request, SignedHeaders=host;x-amz-date, ' +
  `Signature=${'0'.repeat(64)}`;

interface Attempt {
  url: string;
  target?: string;
  service?: string;
  body: string;
  mode?: 'no-cors';
}

let browser: Browser;
let page: Page;
let cloud: LocalCloud;
let openEngine: DynamoDbEngine;
let invocations = 0;
const cleanups: (() => unknown)[] = [];

(hasBrowser ? describe : describe.skip)('a page that somebody opened in a browser of this machine', () => {
  beforeAll(async () => {
    const service = writeServicePackage({ functions: { bill: 'export const handler = async () => "billed";' } });
    cleanups.push(service.remove);
    cloud = await startLocalCloud({
      packageFolder: service.folder,
      parameters: { '/token': TOKEN },
      observer: { onInvocation: () => invocations++ },
    });
    cleanups.push(cloud.stop);
    openEngine = await startDynamoDbEngine();
    cleanups.push(openEngine.stop);
    const site = createServer((_request, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<!doctype html><title>A page of somebody else</title>');
    });
    await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve));
    cleanups.push(() => site.close());
    browser = await startBrowser({ names: [REBOUND_NAME] });
    cleanups.push(() => browser.close());
    page = await browser.newPage();
    const address = site.address();
    await page.goto(`http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/`);
  });

  afterAll(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  test('would be let in by an engine that it finds: the attack works where nothing is checked', async () => {
    const answer = await attack(page, listTables(openEngine.endpoint));

    expect(answer).toContain('TableNames');
  });

  test('reads nothing of the tables through the one address that is known', async () => {
    expect(await attack(page, listTables(cloud.endpoints.all))).toMatch(/^refused by the browser/);
  });

  test('invokes no function, even with a request that needs nobody to be asked first', async () => {
    const url = `${cloud.endpoints.all}/2015-03-31/functions/bill/invocations`;

    await attack(page, { url, body: '{}', mode: 'no-cors' });
    await attack(page, { url, body: '{}', service: 'lambda' });

    expect(invocations).toBe(0);
  });

  test('reads no token, though its name resolves to this machine', async () => {
    const { port } = new URL(cloud.endpoints.all);
    const rebound = await browser.newPage();
    const url = `http://${REBOUND_NAME}:${port}/`;
    // The first answer still came from the attacker; the name resolves to this machine for all that follow.
    await rebound.route(url, (route) => route.fulfill({ contentType: 'text/html', body: '<!doctype html>' }), {
      times: 1,
    });
    await rebound.goto(url);
    const body = JSON.stringify({ Name: '/token', WithDecryption: true });

    const answer = await attack(rebound, { url, target: 'AmazonSSM.GetParameter', service: 'ssm', body });

    expect(answer).toContain('AccessDeniedException');
    expect(answer).not.toContain(TOKEN);
  });

  test('finds no engine at the well-known address and the ports around', async () => {
    const { hostname, port } = new URL(cloud.engineEndpoint);

    expect(hostname === '127.0.0.1').toBe(process.platform === 'darwin');
    expect(await attack(page, listTables(`http://127.0.0.1:${port}`))).not.toContain('TableNames');
  });
});

function listTables(url: string): Attempt {
  return { url, target: 'DynamoDB_20120810.ListTables', service: 'dynamodb', body: '{}' };
}

/** Asks from within the page, as its script would. */
function attack(from: Page, { url, target, service, body, mode }: Attempt): Promise<string> {
  const headers = {
    'content-type': target ? 'application/x-amz-json-1.0' : 'text/plain',
    ...(target ? { 'x-amz-target': target } : {}),
    ...(service
      ? { authorization: MADE_UP_SIGNATURE.replace('SERVICE', service), 'x-amz-date': '20261125T093000Z' }
      : {}),
  };
  return from.evaluate(
    async ([address, options]) => {
      try {
        return await (await fetch(address, options)).text();
      } catch (error) {
        return `refused by the browser: ${error}`;
      }
    },
    [url, { method: 'POST', body, headers, ...(mode ? { mode } : {}) }] as const,
  );
}
