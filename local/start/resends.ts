import type { PackageAttempt, PackageHead } from '../../lib/packages/package.ts';

/** Packages that were sent again for the same reason. */
export interface Resend {
  /** What came of the exchange before, in words. */
  because: string;
  /** How often a package was sent again for it. */
  times: number;
  /** Some of the packages. */
  packageIds: string[];
}

const PACKAGES_NAMED = 5;

/** Gathers which packages were sent more than once, and why. Holds a few names a reason. */
export class ResendReasons {
  /** Packages that were sent more than once. */
  packages = 0;
  readonly #byReason = new Map<string, Resend>();

  /** Looks at one package's attempts. */
  add({ packageId, attempts }: Pick<PackageHead, 'packageId' | 'attempts'>): void {
    const reasons = reasonsOf(attempts);
    if (reasons.length > 0) this.packages += 1;
    for (const because of reasons) {
      const resend = this.#byReason.get(because) ?? { because, times: 0, packageIds: [] };
      resend.times += 1;
      if (resend.packageIds.length < PACKAGES_NAMED && resend.packageIds.at(-1) !== packageId) {
        resend.packageIds.push(packageId);
      }
      this.#byReason.set(because, resend);
    }
  }

  /** The reasons, most frequent first. */
  reasons(): Resend[] {
    return [...this.#byReason.values()].sort((one, other) => other.times - one.times);
  }
}

/** For each send after the first of the same revision, what the last exchange before it came to. */
function reasonsOf(attempts: readonly PackageAttempt[]): string[] {
  return attempts.flatMap((attempt, index) => {
    const before = attempts[index - 1];
    const isAgain =
      attempt.action === 'send' &&
      attempts.slice(0, index).some((past) => past.action === 'send' && past.revision === attempt.revision);
    return isAgain && before ? [inWords(before)] : [];
  });
}

/** Reasons that differ only in digits, such as a time, are the same reason. */
function inWords({ outcome, httpStatus, reason }: PackageAttempt): string {
  const said = reason?.replaceAll(/\d{4,}/g, '…') ?? (httpStatus === undefined ? undefined : `HTTP ${httpStatus}`);
  return said ? `${outcome} (${said})` : outcome;
}
