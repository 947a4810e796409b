import { userInfo } from 'node:os';
import type { Caller } from '../../lib/interventions/intervention.ts';
import { CommandFailed } from '../terminal/errors.ts';

/**
 * Who calls: as AWS names the credentials that sign, which needs no permission
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html), or on a local cloud the user of
 * this machine.
 * @throws CommandFailed when AWS does not say
 */
export async function callerOf(kind: 'local' | 'aws', configuration: { region?: string }): Promise<Caller> {
  if (kind === 'local') return { knownBy: 'local user', name: localUser() };
  const { GetCallerIdentityCommand, STSClient } = await import('@aws-sdk/client-sts');
  const client = new STSClient(configuration);
  try {
    const { Arn } = await client.send(new GetCallerIdentityCommand({}));
    if (Arn) return { knownBy: 'aws', name: Arn };
  } finally {
    client.destroy();
  }
  throw new CommandFailed(
    'CALLER_UNKNOWN',
    'AWS does not say who calls, so nothing was done: it is kept with each act.',
  );
}

/** A user without an entry in the list of users has a number alone, such as in a container. */
function localUser(): string {
  try {
    return userInfo().username;
  } catch {
    return `number ${process.getuid?.() ?? 'unknown'}`;
  }
}
