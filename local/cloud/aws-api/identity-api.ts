import { userInfo } from 'node:os';
import type { RestHandler } from './aws-api-server.ts';
import { element, escaped, queryAnswer, queryRefusal } from './query-protocol.ts';
import { signingScopeOf } from './signing-scope.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';

/**
 * STS's `GetCallerIdentity`, in the Query protocol
 * (https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html). Whoever has the credentials of this
 * run is the user that runs it.
 */
export function identityApi(accountId: string): RestHandler {
  return async ({ method, path, headers, body }) => {
    const scope = signingScopeOf(headers.authorization);
    if (method !== 'POST' || path !== '/' || scope?.service !== 'sts') return undefined;
    const action = new URLSearchParams(body).get('Action') ?? '';
    if (action !== 'GetCallerIdentity') {
      const message = `The local cloud does not know the action ${action}.`;
      return queryRefusal(NAMESPACE, { code: 'InvalidAction', message });
    }
    const user = escaped(`arn:aws:iam::${accountId}:user/${userInfo().username}`);
    const id = element('UserId', escaped(scope.accessKeyId));
    return queryAnswer(NAMESPACE, action, element('Arn', user) + id + element('Account', accountId));
  };
}
