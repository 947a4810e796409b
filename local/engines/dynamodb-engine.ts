import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { PortTaken } from './port-taken.ts';

/** A DynamoDB endpoint to talk to, and the way to end it. */
export interface DynamoDbEngine {
  endpoint: string;
  stop(): Promise<void>;
}

/** The machine has no DynamoDB engine of ours; the message says what to do. */
export class DynamoDbEngineMissing extends Error {
  override readonly name = 'DynamoDbEngineMissing';
  readonly code = 'DYNAMODB_ENGINE_MISSING';
}

/** The engine ended or did not listen; `port` says where it was to. */
export class DynamoDbEngineFailed extends Error {
  override readonly name = 'DynamoDbEngineFailed';
  readonly code = 'DYNAMODB_ENGINE_FAILED';
}

const START_TIMEOUT_MILLISECONDS = 10_000;
const STOP_PATIENCE_MILLISECONDS = 1_500;

/**
 * Becomes the engine, and leaves a watcher beside it that kills it when its input ends: that is when we have ended,
 * even by SIGKILL, which leaves us no time to clean up. Its files are for this user alone.
 */
const RUN_UNTIL_INPUT_ENDS = 'umask 077; exec 3<&0; (cat <&3; kill -9 $$) >/dev/null 2>&1 & exec "$@" 3<&- </dev/null';

/**
 * Starts the embedded DynamoDB engine on loopback, or points to the one in `AWS_ENDPOINT_URL_DYNAMODB`. The engine lets
 * every web page in, so it listens where none can guess.
 * @param options.file keeps the data there; without it they live in memory
 * @param options.port a fixed port; without it any free one
 * @throws DynamoDbEngineMissing where no binary fits this machine and no endpoint is given
 * @throws PortTaken where another program listens on the port
 * @throws DynamoDbEngineFailed when the engine ends or does not listen within 10 s
 */
export async function startDynamoDbEngine(options: { file?: string; port?: number } = {}): Promise<DynamoDbEngine> {
  const given = process.env.AWS_ENDPOINT_URL_DYNAMODB;
  if (given) return { endpoint: given, stop: async () => {} };
  const host = hiddenLoopbackAddress();
  const port = options.port ?? (await freePort(host));
  if (await isListening(port, host)) throw new PortTaken(port, 'DynamoDB');
  const child = spawnEngine(engineBinary(), [
    'serve',
    '--host',
    host,
    '--port',
    String(port),
    ...(options.file ? ['--db-path', options.file] : []),
  ]);
  const killWithUs = () => child.kill('SIGKILL');
  process.once('exit', killWithUs);
  await untilListening(child, port, host);
  return {
    endpoint: `http://${host}:${port}`,
    async stop() {
      process.off('exit', killWithUs);
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      const kill = setTimeout(() => child.kill('SIGKILL'), STOP_PATIENCE_MILLISECONDS);
      await exited;
      clearTimeout(kill);
    },
  };
}

/** In a group of its own, so that a Ctrl-C for us does not end the engine before those who still write to it. */
function spawnEngine(binary: string, parameters: string[]): ChildProcess {
  if (process.platform === 'win32') return spawn(binary, parameters, { stdio: ['ignore', 'ignore', 'pipe'] });
  const child = spawn('/bin/sh', ['-c', RUN_UNTIL_INPUT_ENDS, 'sh', binary, ...parameters], {
    stdio: ['pipe', 'ignore', 'pipe'],
    detached: true,
  });
  child.once('exit', () => child.stdin?.destroy());
  return child;
}

function engineBinary(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    return createRequire(import.meta.url).resolve(`${name}/dynoxide${process.platform === 'win32' ? '.exe' : ''}`);
  } catch {
    throw new DynamoDbEngineMissing(
      `No bundled DynamoDB engine for ${process.platform}-${process.arch} (${name} is not installed). ` +
        'Start any DynamoDB-compatible server and set AWS_ENDPOINT_URL_DYNAMODB to its address, or run npm ci again.',
    );
  }
}

/**
 * One of the 16 million addresses of loopback, with the port beyond what a page can try one by one. macOS has the first
 * one only.
 */
function hiddenLoopbackAddress(): string {
  if (process.platform === 'darwin') return '127.0.0.1';
  return `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
}

async function untilListening(child: ChildProcess, port: number, host: string): Promise<void> {
  let complaint = '';
  child.stderr?.on('data', (chunk) => {
    complaint = (complaint + chunk).slice(-1_000);
  });
  let ended = false;
  child.once('exit', () => {
    ended = true;
  });
  child.once('error', (error) => {
    ended = true;
    complaint += error.message;
  });
  const deadline = Date.now() + START_TIMEOUT_MILLISECONDS;
  while (!ended && Date.now() < deadline) {
    if (await isListening(port, host)) return;
    await delay(10);
  }
  child.kill('SIGKILL');
  throw new DynamoDbEngineFailed(
    `The DynamoDB engine did not start on ${host}:${port}${complaint ? `: ${complaint.trim()}` : ''}. ` +
      'Is the port taken? Leave it free, or set AWS_ENDPOINT_URL_DYNAMODB to a server that runs.',
  );
}

function isListening(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
