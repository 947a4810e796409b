/**
 * A stretch of a period's clients in their order, which is by bucket and then by client id: all clients after `after`
 * up to and including `upTo`. The start and the end of a bucket need no client. Stretches that follow each other leave
 * no gap, so a client that appears after planning is in one of them.
 */
export interface ChunkBounds {
  fromBucket: number;
  /** Absent: from the bucket's first client. */
  after?: string;
  toBucket: number;
  /** Absent: to the bucket's last client. */
  upTo?: string;
}

/** The part of a chunk that lies in one bucket. */
export interface ClientRange {
  bucket: number;
  after?: string;
  upTo?: string;
}

/** The client ranges of a chunk, in order. */
export function rangesOf(bounds: ChunkBounds): ClientRange[] {
  const ranges: ClientRange[] = [];
  for (let bucket = bounds.fromBucket; bucket <= bounds.toBucket; bucket++) {
    const after = bucket === bounds.fromBucket ? bounds.after : undefined;
    const upTo = bucket === bounds.toBucket ? bounds.upTo : undefined;
    ranges.push({ bucket, ...(after === undefined ? {} : { after }), ...(upTo === undefined ? {} : { upTo }) });
  }
  return ranges;
}

/** What is left of a chunk after a client that is done. */
export function boundsAfter(bounds: ChunkBounds, done: { bucket: number; clientId: string }): ChunkBounds {
  return { ...bounds, fromBucket: done.bucket, after: done.clientId };
}
