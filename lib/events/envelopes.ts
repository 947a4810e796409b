/**
 * What wraps an event on its way, or stands where one should, and the cure: a producer who reads only "specversion is
 * missing" does not learn that a setting of the way did it.
 */
export function envelopeOf(value: Readonly<Record<string, unknown>>): string | undefined {
  return ENVELOPES.find(({ isIt }) => isIt(value))?.sentence;
}

/**
 * Whether an array is the pointer that the SQS Extended Client sends instead of a body, which it has put into S3
 * (https://github.com/awslabs/payload-offloading-java-common-lib-for-aws).
 */
export function isExtendedClientPointer(elements: readonly unknown[]): boolean {
  const [name, pointer] = elements;
  return (
    elements.length === 2 &&
    typeof name === 'string' &&
    name.endsWith('PayloadS3Pointer') &&
    typeof pointer === 'object' &&
    pointer !== null
  );
}

/** What to do about {@link isExtendedClientPointer}. */
export const EXTENDED_CLIENT_POINTER =
  'The message is a pointer of the SQS Extended Client to an object in S3; send the events themselves, with the plain SQS ' +
  'client, in messages of at most 1 MiB.';

interface Envelope {
  isIt(value: Readonly<Record<string, unknown>>): boolean;
  sentence: string;
}

const ENVELOPES: readonly Envelope[] = [
  {
    isIt: ({ Type, TopicArn, Message }) => Type === 'Notification' && has(TopicArn) && has(Message),
    sentence: 'It is a notification of SNS around an event; turn on raw message delivery for the subscription.',
  },
  {
    isIt: ({ detail, 'detail-type': type }) => has(detail) && has(type),
    sentence:
      'It is an event of EventBridge around an event; let its rule send the inside only: InputPath "$.detail" for the target.',
  },
  {
    isIt: ({ Records }) => Array.isArray(Records),
    sentence:
      'It is a notification of an AWS service (Records), such as of S3 about a file; send the events themselves, one or an array.',
  },
  {
    isIt: ({ s3BucketName, s3Key }) => has(s3BucketName) && has(s3Key),
    sentence: EXTENDED_CLIENT_POINTER,
  },
  {
    isIt: ({ meter, quantity, specversion }) => has(meter) && has(quantity) && !has(specversion),
    sentence:
      'It is the data of an event without the event around it, as binary mode sends it; send the whole event in the body ' +
      '(structured mode), with the quantity in data.',
  },
];

function has(value: unknown): boolean {
  return value !== undefined;
}
