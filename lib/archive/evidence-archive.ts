import type { S3Client } from '@aws-sdk/client-s3';
import { MeterSums } from '../decimal/meter-sums.ts';
import { isAdditiveKind } from '../meters/measure.ts';
import type { PeriodId } from '../periods/periods.ts';
import type { ArchiveManifest, ManifestEntry } from '../store/archive-manifest.ts';
import { meterGroupOf } from '../usage/control-total.ts';
import type { BatchEvidence, EvidenceKeeper } from '../usage/evidence.ts';
import { archiveKeyOf } from './archive-key.ts';
import { archiveObjectOf } from './archive-object.ts';
import { putArchiveObject } from './put-archive-object.ts';

/** What the archive writes to. */
export interface EvidenceArchiveOptions {
  s3: S3Client;
  bucket: string;
  manifest: Pick<ArchiveManifest, 'put'>;
  /** Which instance of the counting function this is: the name of its control totals. */
  instance: string;
  /** A batch waits no longer than this for all that is written. */
  waitMilliseconds: number;
  /** Milliseconds since the epoch. */
  now?: () => number;
  /** What could not be written is kept for the next batch up to so many bytes. */
  pendingBytes?: number;
}

const PENDING_BYTES = 16 * 1024 * 1024;

/** An object that is not known to be written, with its entry in the manifest. */
interface PendingObject {
  entry: Omit<ManifestEntry, 'at'>;
  bytes: Buffer;
}

/**
 * Writes the evidence of each batch to S3 as one object a period, and then an entry to the manifest. What does not get
 * there within the bound is tried again with the next batch, under the same key with the same bytes, for as long as the
 * instance lives and remembers; what never gets there stands in the control total and not in the manifest.
 */
export class EvidenceArchive implements EvidenceKeeper {
  readonly #options: Required<EvidenceArchiveOptions>;
  #pending: PendingObject[] = [];
  #sequence = 0;

  constructor(options: EvidenceArchiveOptions) {
    this.#options = { now: Date.now, pendingBytes: PENDING_BYTES, ...options };
  }

  async keep(batch: ReadonlyMap<PeriodId, BatchEvidence>): Promise<number> {
    let unmade = 0;
    for (const [periodId, evidence] of batch) {
      const { counted, duplicates, unsure } = evidence;
      if (counted.length + duplicates.length + unsure.length === 0) continue;
      try {
        this.#pending.push(await this.#objectOf(periodId, evidence));
      } catch {
        unmade += counted.length;
      }
    }
    if (this.#pending.length === 0) return unmade;
    const bound = new TimeBound(this.#options.waitMilliseconds);
    const written = await Promise.all(this.#pending.map((pending) => bound.within(this.#write(pending, bound.signal))));
    bound.end();
    const left = this.#pending.filter((_, index) => !written[index]);
    this.#pending = this.#remembered(left);
    return left.reduce((sum, { entry }) => sum + entry.counted, unmade);
  }

  async #objectOf(periodId: PeriodId, evidence: BatchEvidence): Promise<PendingObject> {
    const { bytes, sha256, members } = await archiveObjectOf(evidence);
    const sums = new MeterSums();
    for (const { meter, quantity, kind } of evidence.counted) {
      // As control totals: what does not add up is held by its number of events alone.
      if (kind === undefined || isAdditiveKind(kind)) sums.add(meterGroupOf(meter), quantity);
    }
    this.#sequence += 1;
    const entry = {
      periodId,
      instance: this.#options.instance,
      sequence: this.#sequence,
      sha256,
      bytes: bytes.length,
      members,
      counted: evidence.counted.length,
      duplicates: evidence.duplicates.length,
      unsure: evidence.unsure.length,
      groups: new Map(Object.entries(sums.totals())),
    };
    return { entry, bytes };
  }

  /** @returns whether the object and its entry are known to be there */
  async #write({ entry, bytes }: PendingObject, signal: AbortSignal): Promise<boolean> {
    const { s3, bucket, manifest, now } = this.#options;
    try {
      const put = putArchiveObject(bucket, archiveKeyOf(entry), { bytes, sha256: entry.sha256 });
      await s3.send(put, { abortSignal: signal });
      await manifest.put({ ...entry, at: new Date(now()).toISOString() }, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** The newest of what is left, as far as memory goes. */
  #remembered(left: readonly PendingObject[]): PendingObject[] {
    let room = this.#options.pendingBytes;
    const remembered = left.toReversed().filter(({ bytes }) => {
      room -= bytes.length;
      return room >= 0;
    });
    return remembered.toReversed();
  }
}

/** A time after which requests are given up, whether they end by it or not. */
class TimeBound {
  readonly #controller = new AbortController();
  readonly #over: Promise<false>;
  readonly #timer: NodeJS.Timeout;

  constructor(milliseconds: number) {
    this.#over = new Promise((resolve) => this.signal.addEventListener('abort', () => resolve(false), { once: true }));
    this.#timer = setTimeout(() => this.#controller.abort(), milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  within(step: Promise<boolean>): Promise<boolean> {
    return Promise.race([step, this.#over]);
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}
