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

/** Clients of one bucket: all, those in an interval, or a single one. */
export interface ClientRange {
  bucket: number;
  /** Excluded; absent: from the first. */
  after?: string;
  /** Included; absent: to the last. */
  upTo?: string;
  /** This client and no other. */
  only?: string;
}

/** Where a worker stopped: the last client that is done. */
export interface ChunkCursor {
  bucket: number;
  clientId: string;
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

/** What is left of ranges, which are in order, after a client that is done. */
export function rangesAfter(ranges: readonly ClientRange[], cursor: ChunkCursor | undefined): ClientRange[] {
  if (!cursor) return [...ranges];
  const { bucket, clientId } = cursor;
  return ranges
    .filter((range) => {
      const last = range.only ?? range.upTo;
      return range.bucket > bucket || (range.bucket === bucket && (last === undefined || last > clientId));
    })
    .map((range) => (range.bucket === bucket && range.only === undefined ? { ...range, after: clientId } : range));
}
