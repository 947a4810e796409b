import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import type { Cloud } from '../cli/connection/cloud.ts';
import { CommandFailed } from '../cli/terminal/errors.ts';
import { Access } from './access.ts';
import { consoleApp } from './app.ts';
import { barePage, refusalOf } from './errors.ts';

/** A console that is served. */
export interface ServedConsole {
  /** Opens a session, once. */
  address: string;
  stop(): Promise<void>;
}

/**
 * Serves the console on loopback.
 * @param options.port 0 for any free one
 * @param options.page where it opens; at the last period without one
 * @throws CommandFailed when the port is taken
 */
export async function serveConsole(
  cloud: Cloud,
  options: { port: number; mayChange: boolean; page?: string },
): Promise<ServedConsole> {
  const access = new Access((context, refusal) => {
    const { status, title, words } = refusalOf(refusal);
    return context.html(barePage(title, words), status);
  });
  const app = consoleApp(cloud, access, options.mayChange);
  const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: options.port });
  try {
    if (!server.listening) await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new CommandFailed('PORT_TAKEN', `Port ${options.port} is taken. Leave --port out for any free one.`);
  }
  // A server that listens on a host and a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}${access.servedAt(port, options.page)}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
