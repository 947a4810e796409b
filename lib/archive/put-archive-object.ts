import { PutObjectCommand } from '@aws-sdk/client-s3';
import type { ArchiveObject } from './archive-object.ts';

/** The request that writes an object; S3 refuses other bytes than those of the digest. */
export function putArchiveObject(
  bucket: string,
  key: string,
  { bytes, sha256 }: Pick<ArchiveObject, 'bytes' | 'sha256'>,
): PutObjectCommand {
  return new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: bytes,
    ContentType: 'application/x-ndjson',
    ContentEncoding: 'gzip',
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
  });
}
