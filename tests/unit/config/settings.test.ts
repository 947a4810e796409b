import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { parse } from 'yaml';
import {
  derivedFrom,
  InvalidSettings,
  parseSettings,
  readSettings,
  type Settings,
  scheduleOf,
} from '../../../config/settings.ts';

type Tree = Record<string, Record<string, unknown>>;

/** The settings of production with changes, as a person might write them. */
function settings(changes: Tree = {}): Tree {
  const tree = parse(readFileSync(new URL('../../../config/prod.yml', import.meta.url), 'utf8')) as Tree;
  for (const [section, values] of Object.entries(changes)) tree[section] = { ...tree[section], ...values };
  return tree;
}

const faultsOf = (tree: unknown): string => {
  try {
    parseSettings(tree, 'config/test.yml');
  } catch (error) {
    if (error instanceof InvalidSettings) return error.message;
    throw error;
  }
  return '';
};

test.each(['prod', 'dev', 'local'])('the settings of %s can be used', (stage) => {
  expect(() => readSettings(stage)).not.toThrow();
});

describe('a fault is named with its file and its path', () => {
  test.each([
    ['an unknown key', { ingest: { batchSise: 10 } }, /config\/test\.yml.*ingest: .*batchSise/s],
    ['an offset for a time zone', { billing: { timeZone: '+02:00' } }, /billing\.timeZone: .*IANA/],
    [
      'a large batch without a window',
      { ingest: { batchSize: 11, batchWindowSeconds: 0 } },
      /ingest\.batchWindowSeconds: .*at least 1/,
    ],
    ['an unknown section', { ingestion: {} }, /\(top\): .*ingestion/],
    ['a value of the wrong type', { ingest: { batchSize: '10000' } }, /ingest\.batchSize: .*number/],
    ['a value out of bounds', { ingest: { batchSize: 10_001 } }, /ingest\.batchSize: .*10000/],
    ['a time zone that is none', { billing: { timeZone: 'Europe/Atlantis' } }, /billing\.timeZone: .*IANA/],
    ['slices that do not fill an hour', { billing: { sliceMinutes: 7 } }, /billing\.sliceMinutes: /],
    ['a quota that is none', { invoiceApi: { sharedQuota: '60 per minute' } }, /invoiceApi\.sharedQuota: .*60\/60/],
    ['a share above one', { sending: { failureShareLimit: 3 } }, /sending\.failureShareLimit: /],
    [
      'a retention that CloudWatch does not know',
      { operations: { logRetentionDays: 91 } },
      /operations\.logRetentionDays: /,
    ],
    ['an address that is none', { operations: { alarmEmail: 'on call' } }, /operations\.alarmEmail: .*email/],
    [
      'a longest wait below the shortest',
      { invoiceApi: { pollStartSeconds: 60, pollMaximumSeconds: 30 } },
      /invoiceApi\.pollMaximumSeconds: .*pollStartSeconds/,
    ],
    [
      'a sender without time for a request',
      { invoiceApi: { requestTimeoutSeconds: 120 }, sending: { timeoutSeconds: 130 } },
      /sending\.timeoutSeconds: .*requestTimeoutSeconds/,
    ],
    ['a missing value', { operations: { retainData: undefined } }, /operations\.retainData: /],
  ])('%s', (_, changes, expected) => {
    expect(faultsOf(settings(changes as unknown as Tree))).toMatch(expected);
  });

  test('all faults at once', () => {
    const message = faultsOf(settings({ ingest: { batchSize: 0 }, sending: { canary: -1 } }));
    expect(message).toContain('ingest.batchSize');
    expect(message).toContain('sending.canary');
  });

  test('an age limit with which slices expire before the latest close that is tolerated has read them', () => {
    const least = (eventMaxAgeDays: number) => ({
      billing: { eventMaxAgeDays, graceHours: 26 },
      operations: { closeWithinHours: 48 },
    });
    expect(faultsOf(settings(least(19)))).toMatch(/billing\.eventMaxAgeDays: must be at least 20: /);
    expect(() => parseSettings(settings(least(20)), 'config/test.yml')).not.toThrow();
  });

  test('an empty file', () => {
    expect(faultsOf(null)).toMatch(/\(top\)/);
  });

  test('a stage without a file', () => {
    expect(() => readSettings('production')).toThrow(/config\/production\.yml.*prod/s);
  });

  test('a stage that would leave the folder', () => {
    expect(() => readSettings('../package')).toThrow(InvalidSettings);
  });
});

describe('what follows from the settings', () => {
  const usable = (changes: Tree): Settings => parseSettings(settings(changes), 'config/test.yml');

  test.each([
    [0, 'cron(0 0 1,16 * ? *)'],
    [6, 'cron(0 6 1,16 * ? *)'],
    [26, 'cron(0 2 2,17 * ? *)'],
    [240, 'cron(0 0 11,26 * ? *)'],
  ])('with %i hours of grace the schedule is %s', (graceHours, expression) => {
    expect(scheduleOf(usable({ billing: { graceHours } })).expression).toBe(expression);
  });

  test('a message stays hidden for six time-outs and the batching window', () => {
    const { eventsVisibilitySeconds } = derivedFrom(usable({ ingest: { timeoutSeconds: 90, batchWindowSeconds: 30 } }));
    expect(eventsVisibilitySeconds).toBe(570);
  });

  test.each([
    [true, 'Retain'],
    [false, 'Delete'],
  ])('retainData %s means %s', (retainData, deletionPolicy) => {
    expect(derivedFrom(usable({ operations: { retainData } })).deletionPolicy).toBe(deletionPolicy);
  });
});
