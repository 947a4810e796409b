import type { Quota, QuotaWindow } from '../../lib/quota/quota.ts';
import { PROFILES, type Profile, type ProfileName } from '../invoice-api-simulator/profiles.ts';
import type { VendorName } from '../vendor-apis/simulated-vendor.ts';

/** Where packages go: to the simulator with one of its faces, to a person's own API, or to a vendor's simulation. */
export type InvoiceApiChoice =
  | { kind: 'simulator'; profile: ProfileName; seed: number; timeScale?: number }
  | { kind: 'own'; url: string; token: string }
  | { kind: 'vendor'; vendor: VendorName; seed: number };

/** The name under which the functions look for the invoice API's token in Parameter Store. */
export const TOKEN_PARAMETER = '/halfmonth/local/invoice-api-token';

/** Profiles that answer and finish fast, for which the short waits of config/local.yml are made. */
const FAST_PROFILES = ['demo', 'perfect'];

/** With `--fast`. */
const FAST_TIMEOUT_SECONDS = '5';

/** What an API needs that answers after seconds and finishes after minutes or hours, as real ones do. */
const PATIENCE = {
  REQUEST_TIMEOUT_SECONDS: '30',
  PROCESSING_DEADLINE_SECONDS: '86400',
  POLL_MAXIMUM_SECONDS: '60',
};

/**
 * The variables that tell the functions which invoice API they speak to and at what pace: the quota that was asked for,
 * else the one that the simulator's profile enforces, else what config/local.yml says.
 */
export function invoiceApiEnvironment(
  url: string,
  { invoiceApi, quota }: { invoiceApi: InvoiceApiChoice; quota?: string },
): Record<string, string> {
  const access = { INVOICE_API_URL: url, INVOICE_API_TOKEN_PARAMETER: TOKEN_PARAMETER };
  const asked = quota === undefined ? {} : { SEND_QUOTA: 'none', STATUS_QUOTA: 'none', SHARED_QUOTA: quota };
  if (invoiceApi.kind === 'own') return { ...access, ...PATIENCE, ...asked };
  // The settings of its stage are made for it.
  if (invoiceApi.kind === 'vendor') return { ...access, ...asked };
  const profile: Profile = PROFILES[invoiceApi.profile];
  const { timeScale = 1 } = invoiceApi;
  const enforced = enforcedQuota(invoiceApi.profile, timeScale);
  return {
    ...access,
    ...(FAST_PROFILES.includes(invoiceApi.profile) ? {} : PATIENCE),
    // Answers come soon then, and what has to be waited for is what never comes.
    ...(timeScale > 1 ? { REQUEST_TIMEOUT_SECONDS: FAST_TIMEOUT_SECONDS } : {}),
    ...(profile.concurrency === undefined ? {} : { INVOICE_API_CONCURRENCY: String(profile.concurrency) }),
    SEND_QUOTA: windowsText(enforced.send, timeScale),
    STATUS_QUOTA: windowsText(enforced.status, timeScale),
    SHARED_QUOTA: windowsText(enforced.shared, timeScale),
    ...asked,
  };
}

/**
 * The windows that a profile's API enforces when so many of its seconds pass in one, in its own seconds. Quotas are
 * written in whole seconds, so windows that would be shorter than one are left out, here as there.
 */
export function enforcedQuota(name: ProfileName, timeScale: number): Quota {
  const { send, status, shared }: Quota = PROFILES[name].quota;
  const long = (windows: readonly QuotaWindow[]) => windows.filter(({ seconds }) => seconds >= timeScale);
  return { send: long(send), status: long(status), shared: long(shared) };
}

function windowsText(windows: readonly QuotaWindow[], timeScale: number): string {
  const scaled = windows.map(({ requests, seconds }) => `${requests}/${Math.ceil(seconds / timeScale)}`);
  return scaled.join(',') || 'none';
}
