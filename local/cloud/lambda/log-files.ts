import { createWriteStream, mkdirSync, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import type { ObservedLogLine } from '../observer.ts';

/** One log file for each function, in the place of its log group. */
export interface LogFiles {
  write(line: ObservedLogLine): void;
  stop(): Promise<void>;
}

/** Appends what functions write to `<folder>/<function>.log`, each line with the time it came. */
export function openLogFiles(folder: string): LogFiles {
  mkdirSync(folder, { recursive: true });
  const streams = new Map<string, WriteStream>();
  return {
    write({ functionName, line }) {
      let stream = streams.get(functionName);
      if (!stream) {
        stream = createWriteStream(join(folder, `${functionName}.log`), { flags: 'a' });
        streams.set(functionName, stream);
      }
      stream.write(`${new Date().toISOString()} ${line}\n`);
    },
    async stop() {
      await Promise.all([...streams.values()].map((stream) => new Promise<void>((resolve) => stream.end(resolve))));
    },
  };
}
