import type { ChunkBounds } from './bounds.ts';

/**
 * More chunks than a Map's input and the outputs of its children can name within 256 KiB; larger plans get larger
 * chunks.
 */
export const MAXIMUM_CHUNKS = 10_000;

/**
 * Segments are this much finer than chunks, so that buckets can be read side by side and chunks still come out full.
 */
const SEGMENTS_PER_CHUNK = 8;

/** Neighbouring clients of one bucket, from the end of the segment before up to and including `upTo`. */
export interface Segment {
  bucket: number;
  /** The last client; absent for the rest of the bucket. */
  upTo?: string;
  /** Records that a worker reads for these clients. */
  weight: number;
}

/** How far a builder has come; plain JSON, so that another call can go on. */
export interface SegmentProgress {
  segments: Segment[];
  weight: number;
  lastClient?: string;
  client?: string;
  clientWeight: number;
}

const EMPTY_PROGRESS: SegmentProgress = { segments: [], weight: 0, clientWeight: 0 };

/**
 * Cuts one bucket's clients into segments as their records stream by, in the order of clients. Holds the segments
 * alone. A client is never cut, and one that is as heavy as a whole segment stands alone.
 */
export class SegmentBuilder {
  readonly #bucket: number;
  readonly #target: number;
  readonly #segments: Segment[];
  #weight: number;
  #lastClient: string | undefined;
  #client: string | undefined;
  #clientWeight: number;

  /**
   * @param recordsPerChunk the records that a worker is to read in one chunk
   * @param before where another builder of this bucket has stopped
   */
  constructor(
    bucket: number,
    recordsPerChunk: number,
    { segments, weight, lastClient, client, clientWeight }: SegmentProgress = EMPTY_PROGRESS,
  ) {
    this.#bucket = bucket;
    this.#target = recordsPerChunk / SEGMENTS_PER_CHUNK;
    this.#segments = [...segments];
    this.#weight = weight;
    this.#lastClient = lastClient;
    this.#client = client;
    this.#clientWeight = clientWeight;
  }

  /** Where another builder can go on. */
  get progress(): SegmentProgress {
    return {
      segments: [...this.#segments],
      weight: this.#weight,
      clientWeight: this.#clientWeight,
      ...(this.#lastClient === undefined ? {} : { lastClient: this.#lastClient }),
      ...(this.#client === undefined ? {} : { client: this.#client }),
    };
  }

  /** Adds a record, or several, of a client; a client's additions follow each other. */
  add(clientId: string, weight: number): void {
    if (clientId !== this.#client) this.#endClient();
    this.#client = clientId;
    this.#clientWeight += weight;
  }

  /** The segments; the last one reaches to the end of the bucket. */
  finish(): Segment[] {
    this.#endClient();
    return [...this.#segments, { bucket: this.#bucket, weight: this.#weight }];
  }

  #endClient(): void {
    if (this.#client === undefined) return;
    if (this.#lastClient !== undefined && this.#weight + this.#clientWeight > this.#target) {
      this.#segments.push({ bucket: this.#bucket, upTo: this.#lastClient, weight: this.#weight });
      this.#weight = 0;
    }
    this.#weight += this.#clientWeight;
    this.#lastClient = this.#client;
    this.#clientWeight = 0;
  }
}

/** A chunk with the records that it is expected to hold. */
export interface PlannedChunk {
  bounds: ChunkBounds;
  weight: number;
}

/**
 * Joins segments, in order, into chunks of at most `recordsPerChunk` records; only a segment that is heavier by itself,
 * which is one heavy client, makes a heavier chunk. When there would be more than `maximumChunks`, chunks grow.
 * Together the chunks cover the whole order of clients.
 */
export function joinSegments(
  segments: readonly Segment[],
  recordsPerChunk: number,
  maximumChunks = MAXIMUM_CHUNKS,
): PlannedChunk[] {
  const total = segments.reduce((sum, { weight }) => sum + weight, 0);
  for (let target = Math.max(recordsPerChunk, total / maximumChunks); ; target *= 1.25) {
    const chunks = join(segments, target);
    if (chunks.length <= maximumChunks) return chunks;
  }
}

/**
 * Chunks in the order in which workers should take them: each next one in another bucket, as far as there are any. A
 * bucket is one partition key, which DynamoDB reads at 3,000 units a second at most
 * (https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html); neighbouring chunks
 * are in one.
 */
export function dealOverBuckets(chunks: readonly PlannedChunk[]): PlannedChunk[] {
  const byBucket = Map.groupBy(chunks, ({ bounds }) => bounds.fromBucket);
  const longest = Math.max(0, ...[...byBucket.values()].map((ofBucket) => ofBucket.length));
  return Array.from({ length: longest }, (_, index) =>
    [...byBucket.values()].flatMap((ofBucket) => ofBucket.slice(index, index + 1)),
  ).flat();
}

function join(segments: readonly Segment[], target: number): PlannedChunk[] {
  const chunks: PlannedChunk[] = [];
  let open: PlannedChunk | undefined;
  let before: Segment | undefined;
  for (const segment of segments) {
    if (open && open.weight + segment.weight <= target) {
      open = { bounds: { ...startOf(open.bounds), ...endAt(segment) }, weight: open.weight + segment.weight };
    } else {
      if (open) chunks.push(open);
      open = { bounds: { ...startAfter(before, segment), ...endAt(segment) }, weight: segment.weight };
    }
    before = segment;
  }
  return open ? [...chunks, open] : chunks;
}

function startOf({ fromBucket, after }: ChunkBounds): Pick<ChunkBounds, 'fromBucket' | 'after'> {
  return { fromBucket, ...(after === undefined ? {} : { after }) };
}

function startAfter(before: Segment | undefined, segment: Segment): Pick<ChunkBounds, 'fromBucket' | 'after'> {
  const isSameBucket = before?.bucket === segment.bucket && before.upTo !== undefined;
  return { fromBucket: segment.bucket, ...(isSameBucket && before?.upTo !== undefined ? { after: before.upTo } : {}) };
}

function endAt({ bucket, upTo }: Segment): Pick<ChunkBounds, 'toBucket' | 'upTo'> {
  return { toBucket: bucket, ...(upTo === undefined ? {} : { upTo }) };
}
