import { GetObjectCommand, NoSuchKey, type S3Client } from '@aws-sdk/client-s3';

/** A range of bytes: the first, and the one after the last. */
type ByteRange = readonly [start: number, end: number];

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
}
