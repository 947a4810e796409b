import { randomBytes } from 'node:crypto';

/** What proves to a local cloud that its caller was let in: a key pair as every AWS SDK and tool takes it. */
export interface SessionCredentials {
  accessKeyId: string;
  secretAccessKey: string;
}

/** Credentials for one run of a local cloud: they cannot be guessed. */
export function newSessionCredentials(): SessionCredentials {
  return { accessKeyId: 'local', secretAccessKey: randomBytes(32).toString('base64url') };
}

/** Credentials that satisfy an SDK where an engine behind the local cloud is asked, which checks none. */
export const ENGINE_CREDENTIALS: SessionCredentials = { accessKeyId: 'local', secretAccessKey: 'local' };
