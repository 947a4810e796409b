import {
  DeleteObjectCommand,
  GetObjectCommand,
  NoSuchKey,
  paginateListObjectsV2,
  type S3Client,
} from '@aws-sdk/client-s3';
import type { ArchiveObject } from './archive-object.ts';
import { putArchiveObject } from './put-archive-object.ts';

/** A range of bytes: the first, and the one after the last. */
type ByteRange = readonly [start: number, end: number];

/** An object as a list has it. */
export interface ListedObject {
  key: string;
  /** Milliseconds since the epoch. */
  writtenAt: number;
}

/** The archive as people's tools reach it. */
export class ArchiveBucket {
  readonly #s3: S3Client;
  readonly #bucket: string;

  constructor({ s3, bucket }: { s3: S3Client; bucket: string }) {
    this.#s3 = s3;
    this.#bucket = bucket;
  }

  /** An object, or a range of it; nothing where there is none any more. */
  async read(key: string, range?: ByteRange): Promise<Uint8Array | undefined> {
    const Range = range && `bytes=${range[0]}-${range[1] - 1}`;
    try {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket: this.#bucket, Key: key, Range }));
      return await Body?.transformToByteArray();
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async write(key: string, { bytes, sha256 }: ArchiveObject): Promise<void> {
    await this.#s3.send(putArchiveObject(this.#bucket, key, { bytes, sha256 }));
  }

  /** Deletes an object; one that is gone already is no failure. */
  async delete(key: string): Promise<void> {
    await this.#s3.send(new DeleteObjectCommand({ Bucket: this.#bucket, Key: key }));
  }

  /** All objects, a thousand a request, in the order of their keys. */
  async *list(): AsyncGenerator<ListedObject> {
    for await (const { Contents = [] } of paginateListObjectsV2({ client: this.#s3 }, { Bucket: this.#bucket })) {
      for (const { Key = '', LastModified } of Contents) yield { key: Key, writtenAt: LastModified?.getTime() ?? 0 };
    }
  }
}
