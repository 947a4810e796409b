const FIRST_PAUSE_MILLISECONDS = 50;
const LONGEST_PAUSE_MILLISECONDS = 5_000;

/**
 * Waits before writing or reading anew what DynamoDB handed back of a batch, for want of capacity: ever longer.
 * @param attempt 0 for the first, which waits for nothing
 */
export async function pauseBefore(attempt: number): Promise<void> {
  if (attempt === 0) return;
  const pause = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** attempt, LONGEST_PAUSE_MILLISECONDS);
  await new Promise((resolve) => setTimeout(resolve, pause));
}
