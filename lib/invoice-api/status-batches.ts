/** The most ids that one status read may name. */
export const IDS_PER_STATUS_READ = 100;

/**
 * Octets of the `ids` value at most: every server takes a request line of 8,000 (RFC 9112, section 3), and the rest of
 * it is the path and the base URL.
 */
const IDS_OCTETS = 7_000;

/** The value of `ids`, percent-encoded; the comma separates and is in no package id. */
export function encodedIds(packageIds: readonly string[]): string {
  return packageIds.map(encodeURIComponent).join(',');
}

/** Cuts package ids, in order, into batches that one status read each can name. */
export function statusBatches(packageIds: readonly string[]): string[][] {
  const batches: string[][] = [];
  let octets = 0;
  for (const id of packageIds) {
    const length = encodeURIComponent(id).length + 1;
    const batch = batches.at(-1);
    if (batch === undefined || batch.length === IDS_PER_STATUS_READ || octets + length > IDS_OCTETS) {
      batches.push([id]);
      octets = length;
    } else {
      batch.push(id);
      octets += length;
    }
  }
  return batches;
}
