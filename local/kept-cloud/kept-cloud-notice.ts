import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import * as z from 'zod/mini';

/** Where the notice of a running local cloud is, seen from the folder that it runs for. */
export const KEPT_CLOUD_NOTICE = join('.halfmonth', 'local-cloud.json');

const keptCloudSchema = z.object({
  /** The process that runs the cloud. */
  pid: z.int().check(z.positive()),
  /** RFC 3339, UTC. */
  startedAt: z.string(),
  region: z.string(),
  endpoints: z.record(z.string(), z.string()),
  /** The stack's outputs by name: tables, queues, the state machine. */
  outputs: z.record(z.string(), z.string()),
  /** Variables that make any AWS SDK and tool talk to this cloud. */
  environment: z.record(z.string(), z.string()),
  invoiceApi: z.object({ url: z.string(), profile: z.optional(z.string()) }),
  /** What the functions are told instead of what the template says, such as the profile's quota. */
  overrides: z.record(z.string(), z.string()),
});

/** A local cloud that runs on after its start: written by `npm start -- --keep`, read by the command line. */
export type KeptCloud = z.output<typeof keptCloudSchema>;

/**
 * Writes a notice whole or not at all, since somebody may be reading, and for this user alone: it holds the
 * credentials.
 */
export function writeKeptCloudNotice(file: string, notice: KeptCloud): void {
  mkdirSync(dirname(file), { recursive: true });
  const unfinished = `${file}.${process.pid}`;
  writeFileSync(unfinished, `${JSON.stringify(notice, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(unfinished, file);
}

/** Reads a notice; undefined when it is of another version, or none. */
export function readKeptCloudNotice(file: string): KeptCloud | undefined {
  try {
    return keptCloudSchema.safeParse(JSON.parse(readFileSync(file, 'utf8'))).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
