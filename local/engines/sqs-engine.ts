import { join } from 'node:path';
import { buildApp } from 'fauxqs';
// The parts below are not exported by name, so the version is pinned to one that has them here. `startFauxqs` would do,
// but it listens on every network interface: we listen on loopback only, and read queues in process.
import { PersistenceManager } from '../../node_modules/fauxqs/dist/persistence.js';
import { S3Store } from '../../node_modules/fauxqs/dist/s3/s3Store.js';
import { SnsStore } from '../../node_modules/fauxqs/dist/sns/snsStore.js';
import { type SqsQueue, SqsStore } from '../../node_modules/fauxqs/dist/sqs/sqsStore.js';
import { PortTaken } from './port-taken.ts';

export type { SqsQueue } from '../../node_modules/fauxqs/dist/sqs/sqsStore.js';
export type { ReceivedMessage } from '../../node_modules/fauxqs/dist/sqs/sqsTypes.js';

/** An endpoint of SQS, and of S3, in this process. */
export interface SqsEngine {
  /** What the queues' URLs begin with, and where buckets are. */
  endpoint: string;
  /** Where it listens when it stands behind another server. */
  socketPath: string;
  /**
   * Makes a queue, or gives the one of that name from an earlier run the attributes.
   * @param queue.attributes as SQS names them, all values as text
   */
  ensureQueue(queue: { name: string; arn: string; attributes: Record<string, string> }): SqsQueue;
  queueOf(arn: string): SqsQueue | undefined;
  /** Makes a bucket, or finds the one of that name from an earlier run again. */
  ensureBucket(name: string): void;
  stop(): Promise<void>;
}

/**
 * Starts the embedded engine of SQS and S3 on loopback.
 * @param options.folder keeps queues, messages and objects there; without it they live in memory
 * @param options.port a fixed port; without it any free one
 * @param options.behind the server that hands requests on to it, on a socket file in a folder that only this user may
 * enter
 * @throws PortTaken
 */
export async function startSqsEngine(options: {
  region: string;
  folder?: string | undefined;
  port?: number | undefined;
  behind?: { endpoint: string; socketFolder: string };
}): Promise<SqsEngine> {
  const sqsStore = new SqsStore();
  const s3Store = new S3Store();
  const persistence = options.folder ? openPersistence(options.folder, sqsStore, s3Store) : undefined;
  const app = buildApp({
    logger: false,
    defaultRegion: options.region,
    stores: { sqsStore, snsStore: new SnsStore(), s3Store },
  });
  // Without a host name of its own, the engine makes queue URLs from the address a client has called.
  sqsStore.host = '';
  const socketPath = options.behind ? socketIn(options.behind.socketFolder) : '';
  if (socketPath) await app.listen({ path: socketPath });
  const endpoint = options.behind?.endpoint ?? (await listen(app, options.port ?? 0));
  return {
    endpoint,
    socketPath,
    ensureQueue({ name, arn, attributes }) {
      const url = `${endpoint}/${arn.split(':')[4]}/${name}`;
      const existing = sqsStore.getQueueByArn(arn);
      if (!existing) return sqsStore.createQueue(name, url, arn, attributes);
      existing.setAttributes(attributes);
      // The address of this run, not of the one before.
      Object.assign(existing, { url });
      return existing;
    },
    queueOf: (arn) => sqsStore.getQueueByArn(arn),
    ensureBucket(name) {
      if (!s3Store.hasBucket(name)) s3Store.createBucket(name);
    },
    async stop() {
      app.server.closeAllConnections();
      await app.close();
      persistence?.close();
    },
  };
}

/** Windows has pipes by name in the place of socket files. */
function socketIn(folder: string): string {
  return process.platform === 'win32' ? join('\\\\.\\pipe', folder, 'sqs') : join(folder, 'sqs.sock');
}

async function listen(app: ReturnType<typeof buildApp>, port: number): Promise<string> {
  try {
    return await app.listen({ host: '127.0.0.1', port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') throw new PortTaken(port, 'SQS');
    throw error;
  }
}

function openPersistence(folder: string, sqsStore: SqsStore, s3Store: S3Store): PersistenceManager {
  const persistence = new PersistenceManager(folder);
  // A private member, for want of an option: a commit that waits for the disk costs milliseconds a message.
  const { db } = persistence as unknown as { db: { exec(sql: string): void; prepare(sql: string): Statement } };
  db.exec('PRAGMA synchronous = NORMAL');
  // The engine's own statement would clear the receive count, which may not be null, and so always fails.
  const makeReady = db.prepare(
    'UPDATE sqs_messages SET receipt_handle = NULL, visibility_deadline = NULL WHERE message_id = ?',
  );
  persistence.updateMessageReady = (messageId) => {
    makeReady.run(messageId);
  };
  persistence.load(sqsStore, new SnsStore(), s3Store);
  s3Store.persistence = persistence;
  sqsStore.persistence = persistence;
  for (const queue of sqsStore.allQueues()) queue.persistence = persistence;
  return persistence;
}

interface Statement {
  run(...values: unknown[]): unknown;
}
