import { statSync } from 'node:fs';
import { visibleLine } from '../../lib/text/visible-text.ts';
import { bar } from '../terminal/bar.ts';
import type { Output } from '../terminal/output.ts';
import { durationWords, plural } from '../terminal/words.ts';
import type { SendProgress } from './event-sender.ts';

/** Shows how far sending is. */
export interface SendDisplay {
  /** Cheap: call it after each request. */
  update(progress: SendProgress): void;
  /** Takes what moves off the terminal. */
  end(): void;
}

const BAR_WIDTH = 30;
const REDRAWS_PER_SECOND = 10;
const PLAIN_LINE_EVERY_MILLISECONDS = 5_000;
const SPINNER = [...'⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏'];

/**
 * On a terminal a bar over the bytes of the file, or, where it is not known how much will come, a spinner with the
 * rate; elsewhere a line every five seconds.
 */
export function displaySending(output: Output, file: string): Promise<SendDisplay> | SendDisplay {
  const totalBytes = sizeOf(file);
  const name = file === '-' ? 'standard input' : visibleLine(file);
  if (!output.isLive) return linesOf(output, name, totalBytes);
  return totalBytes ? barOf(name, totalBytes) : spinnerOf(output, name);
}

/** Its size in bytes; undefined for standard input and pipes. */
function sizeOf(file: string): number | undefined {
  if (file === '-') return undefined;
  const found = statSync(file);
  return found.isFile() ? found.size : undefined;
}

async function barOf(name: string, totalBytes: number): Promise<SendDisplay> {
  // Only on a terminal: no other command waits for it to load.
  const { LiveLine } = await import('../terminal/live-line.ts');
  const line = new LiveLine(process.stdout);
  const pace = paceOf(totalBytes);
  const draw = (share: number, note: string) =>
    line.show(() => `${name} ${bar(share, BAR_WIDTH)} ${Math.floor(share * 100)}%  ${note}`);
  draw(0, 'begins');
  return {
    update: (progress) => draw(Math.min(1, progress.bytes / totalBytes), pace(progress)),
    end: () => line.end(),
  };
}

function spinnerOf(output: Output, name: string): SendDisplay {
  const pace = paceOf();
  let note = 'waits for events';
  let frame = 0;
  const draw = () => {
    frame = (frame + 1) % SPINNER.length;
    void output.live([`${SPINNER[frame]} ${name}  ${note}`], '');
  };
  draw();
  const timer = setInterval(draw, 1000 / REDRAWS_PER_SECOND);
  return {
    update: (progress) => {
      note = pace(progress);
      draw();
    },
    end: () => {
      clearInterval(timer);
      output.endLive();
    },
  };
}

function linesOf(output: Output, name: string, totalBytes: number | undefined): SendDisplay {
  const pace = paceOf(totalBytes);
  let saidAt = Date.now();
  return {
    update: (progress) => {
      const words = pace(progress);
      if (Date.now() - saidAt < PLAIN_LINE_EVERY_MILLISECONDS) return;
      saidAt = Date.now();
      const share = totalBytes ? `${Math.floor((progress.bytes / totalBytes) * 100)}%, ` : '';
      output.note(`${name}: ${share}${words}`);
    },
    end: () => {},
  };
}

/** Events so far, how many a second, and how long the rest will take where its size is known. */
function paceOf(totalBytes?: number): (progress: SendProgress) => string {
  const startedAt = Date.now();
  let firstBytes: number | undefined;
  return ({ events, bytes }) => {
    // What a resumed file had sent before took no time now.
    firstBytes ??= bytes;
    const seconds = Math.max(1, Date.now() - startedAt) / 1000;
    const rate = `${Math.round(events / seconds).toLocaleString('en')}/s`;
    const perByte = bytes > firstBytes ? (seconds * 1000) / (bytes - firstBytes) : undefined;
    const left = totalBytes && perByte ? `, ${durationWords((totalBytes - bytes) * perByte)} left` : '';
    return `${plural(events, 'event')} sent, ${rate}${left}`;
  };
}
