import type { PackageAttempt, PackageHead } from '../../lib/packages/package.ts';

/** Packages that were sent again for the same reason. */
export interface Resend {
  /** What came of the send before, in words. */
  because: string;
  /** How often a package was sent again for it. */
  times: number;
  packageIds: string[];
}

type Sends = Pick<PackageHead, 'packageId' | 'attempts'>;

/** Which packages were sent more than once, and why, most frequent reason first. */
export function resendsOf(heads: Iterable<Sends>): Resend[] {
  const byReason = new Map<string, Resend>();
  for (const { packageId, attempts } of heads) {
    for (const because of reasonsOf(attempts)) {
      const resend = byReason.get(because) ?? { because, times: 0, packageIds: [] };
      resend.times += 1;
      if (resend.packageIds.at(-1) !== packageId) resend.packageIds.push(packageId);
      byReason.set(because, resend);
    }
  }
  return [...byReason.values()].sort((one, other) => other.times - one.times);
}

/** For each send after the first of the same revision, what the last attempt before it came to. */
function reasonsOf(attempts: readonly PackageAttempt[]): string[] {
  return attempts.flatMap((attempt, index) => {
    const before = attempts[index - 1];
    const isAgain =
      attempt.action === 'send' &&
      attempts.slice(0, index).some((past) => past.action === 'send' && past.revision === attempt.revision);
    return isAgain && before ? [inWords(before)] : [];
  });
}

function inWords({ outcome, httpStatus, reason }: PackageAttempt): string {
  const status = httpStatus === undefined || httpStatus < 300 ? '' : ` (HTTP ${httpStatus})`;
  return `${outcome}${status}${reason && !status ? `: ${reason}` : ''}`;
}
