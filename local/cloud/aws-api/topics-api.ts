import { randomUUID } from 'node:crypto';
import type { RestHandler } from './aws-api-server.ts';
import { element, escaped, type QueryError, queryAnswer, queryRefusal } from './query-protocol.ts';
import { signingScopeOf } from './signing-scope.ts';

/** One that listens to a topic. */
export interface Subscription {
  topicArn: string;
  protocol: string;
  endpoint: string;
  /** Until the one at the address has followed the link of the first mail, SNS sends it nothing. */
  isConfirmed: boolean;
}

const NAMESPACE = 'http://sns.amazonaws.com/doc/2010-03-31/';

/**
 * SNS's `ListSubscriptionsByTopic`, in the Query protocol
 * (https://docs.aws.amazon.com/sns/latest/api/API_ListSubscriptionsByTopic.html). Nothing is published here.
 */
export function topicsApi(topicArns: readonly string[], subscriptions: readonly Subscription[]): RestHandler {
  return async ({ method, path, headers, body }) => {
    if (method !== 'POST' || path !== '/' || signingScopeOf(headers.authorization)?.service !== 'sns') return undefined;
    const parameters = new URLSearchParams(body);
    const action = parameters.get('Action') ?? '';
    const topicArn = parameters.get('TopicArn') ?? '';
    const error = errorIn(action, topicArn, topicArns);
    if (error) return queryRefusal(NAMESPACE, error, error.code === 'NotFound' ? 404 : 400);
    const members = subscriptions.filter((each) => each.topicArn === topicArn).map(subscriptionXml);
    return queryAnswer(NAMESPACE, action, element('Subscriptions', members.join('')));
  };
}

function errorIn(action: string, topicArn: string, topicArns: readonly string[]): QueryError | undefined {
  if (action !== 'ListSubscriptionsByTopic') {
    return { code: 'InvalidAction', message: `The local cloud does not know the action ${action}.` };
  }
  return topicArns.includes(topicArn) ? undefined : { code: 'NotFound', message: 'Topic does not exist' };
}

function subscriptionXml({ topicArn, protocol, endpoint, isConfirmed }: Subscription): string {
  return element(
    'member',
    [
      element('TopicArn', escaped(topicArn)),
      element('Protocol', escaped(protocol)),
      element('Endpoint', escaped(endpoint)),
      element('SubscriptionArn', isConfirmed ? escaped(`${topicArn}:${randomUUID()}`) : 'PendingConfirmation'),
      element('Owner', '000000000000'),
    ].join(''),
  );
}
