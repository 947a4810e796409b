/** A fault that the service had, or could have: one place of the sources, and what is put there instead. */
export interface Bug {
  name: string;
  file: string;
  /** Stands once in the file. */
  right: string;
  wrong: string;
}

/** The worst that audits of counting and sending have found, and what these parts rest on; each is put back alone. */
export const BUGS: readonly Bug[] = [
  {
    name: 'an event is counted again when its message comes again',
    file: 'lib/usage/slice-counter.ts',
    right:
      'const known = group.entries.filter(({ event: { identity } }) => view.holds(identity) && !mine.has(identity));',
    wrong: 'const known = group.entries.slice(group.entries.length);',
  },
  {
    name: 'two batches write one slice over each other',
    file: 'lib/store/usage-slice-store.ts',
    right: "version > 1 ? '#version = :known' : 'attribute_not_exists(#version)'",
    wrong: "version > 1 ? '#version >= :known' : 'attribute_not_exists(pk) OR attribute_exists(pk)'",
  },
  {
    name: 'what DynamoDB put off in a batch is taken for missing',
    file: 'lib/store/pages.ts',
    right: 'pending = UnprocessedKeys;',
    wrong: 'pending = UnprocessedKeys && undefined;',
  },
  {
    name: 'messages that could not be counted are reported as counted',
    file: 'functions/wiring/counting.ts',
    right: '[...failed].map((itemIdentifier) => ({ itemIdentifier }))',
    wrong: '[...failed].slice(failed.size).map((itemIdentifier) => ({ itemIdentifier }))',
  },
  {
    name: 'a status of another revision or submission is believed',
    file: 'lib/sending/outcomes.ts',
    right: "    return 'another';",
    wrong: "    return 'this';",
  },
  {
    name: 'a package is sent again after its key was forgotten',
    file: 'lib/packages/submission.ts',
    right: 'now - head.firstSentAt >= keyRetentionMilliseconds',
    wrong: 'now - head.firstSentAt >= 1_000 * keyRetentionMilliseconds',
  },
  {
    name: 'a request whose outcome is unknown is repeated with a new key',
    file: 'lib/sending/outcomes.ts',
    right: 'return { change: { ...change, mayHaveArrived: true }, attempt };',
    wrong: 'return { change: { ...change, submission: (change.submission ?? attempt.submission) + 1 }, attempt };',
  },
  {
    name: 'a worker that was given up writes over newer content',
    file: 'lib/store/package-store.ts',
    right: "  return {\n    ConditionExpression: '#version = :version',",
    wrong: "  return {\n    ConditionExpression: '#version >= :version',",
  },
  {
    name: 'two senders change one package without seeing each other',
    file: 'lib/store/package-store.ts',
    right: "          ConditionExpression: '#version = :version',",
    wrong: "          ConditionExpression: '#version >= :version',",
  },
  {
    name: 'requests of turns that are over are forgotten',
    file: 'lib/quota/calendar.ts',
    right: 'const history = [...calendar.past, ...expected];',
    wrong: 'const history = [...calendar.past.slice(calendar.past.length), ...expected];',
  },
];
