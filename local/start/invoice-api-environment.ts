import type { QuotaWindow } from '../../lib/quota/quota.ts';
import { PROFILES, type Profile, type ProfileName } from '../invoice-api-simulator/profiles.ts';
import type { VendorName } from '../vendor-apis/simulated-vendor.ts';

/** Where packages go: to the simulator with one of its faces, to a person's own API, or to a vendor's simulation. */
export type InvoiceApiChoice =
  | { kind: 'simulator'; profile: ProfileName; seed: number }
  | { kind: 'own'; url: string; token: string }
  | { kind: 'vendor'; vendor: VendorName; seed: number };

/** The name under which the functions look for the invoice API's token in Parameter Store. */
export const TOKEN_PARAMETER = '/halfmonth/local/invoice-api-token';

/** Profiles that answer and finish fast, for which the short waits of config/local.yml are made. */
const FAST_PROFILES = ['demo', 'perfect'];

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
  return {
    ...access,
    ...(FAST_PROFILES.includes(invoiceApi.profile) ? {} : PATIENCE),
    ...(profile.concurrency === undefined ? {} : { INVOICE_API_CONCURRENCY: String(profile.concurrency) }),
    SEND_QUOTA: windowsText(profile.quota.send),
    STATUS_QUOTA: windowsText(profile.quota.status),
    SHARED_QUOTA: windowsText(profile.quota.shared),
    ...asked,
  };
}

function windowsText(windows: readonly QuotaWindow[]): string {
  return windows.map(({ requests, seconds }) => `${requests}/${seconds}`).join(',') || 'none';
}
