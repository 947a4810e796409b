import { createHash } from 'node:crypto';

/** Yields names, each another, and the same ones in every run: what is remembered of a vendor keeps its names. */
export function namesOf(purpose: string): () => string {
  let made = 0;
  return () => {
    made += 1;
    const hash = createHash('sha256').update(`${purpose} ${made}`).digest('hex');
    return hash.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5');
  };
}
