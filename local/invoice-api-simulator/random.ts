import { createHash } from 'node:crypto';

/**
 * A number in [0, 1) that depends on nothing but the seed and the names: what befalls a package is the same in every
 * run, with any sender, in any order.
 */
export type Draw = (...names: (string | number)[]) => number;

const FORTY_EIGHT_BITS = 2 ** 48;

/** Draws for one seed. */
export function drawsOf(seed: number): Draw {
  return (...names) => {
    const digest = createHash('sha256')
      .update(JSON.stringify([seed, ...names]))
      .digest();
    return digest.readUIntBE(0, 6) / FORTY_EIGHT_BITS;
  };
}

/** How long something takes, in seconds of the API's time. */
export type Duration =
  | { kind: 'none' }
  | { kind: 'uniform'; from: number; to: number }
  | { kind: 'log-uniform'; from: number; to: number }
  | { kind: 'log-normal'; median: number; p99: number }
  | { kind: 'mixture'; parts: { share: number; of: Duration }[] };

/** The standard normal's 99th percentile. */
const NORMAL_P99 = 2.3263;

/**
 * One duration in seconds.
 * @param draw named by the caller; asked for several numbers, told apart by a word of its own
 */
export function durationOf(duration: Duration, draw: (purpose: string) => number): number {
  switch (duration.kind) {
    case 'none':
      return 0;
    case 'uniform':
      return duration.from + draw('uniform') * (duration.to - duration.from);
    case 'log-uniform':
      return duration.from * (duration.to / duration.from) ** draw('log-uniform');
    case 'log-normal': {
      const sigma = Math.log(duration.p99 / duration.median) / NORMAL_P99;
      return duration.median * Math.exp(sigma * standardNormal(draw('radius'), draw('angle')));
    }
    case 'mixture':
      return durationOf(partOf(duration.parts, draw('part')), draw);
  }
}

function partOf(parts: { share: number; of: Duration }[], at: number): Duration {
  let upTo = 0;
  for (const part of parts) {
    upTo += part.share;
    if (at < upTo) return part.of;
  }
  return parts.at(-1)?.of ?? { kind: 'none' };
}

/** Box and Muller's transform of two uniform numbers. */
function standardNormal(radius: number, angle: number): number {
  return Math.sqrt(-2 * Math.log(1 - radius)) * Math.cos(2 * Math.PI * angle);
}
