import { describe, expect, test } from '@jest/globals';
import { withTarget } from '../../../cli/terminal/next-command.ts';

const TEXT = 'See: npx halfmonth status 2026-11-H1, then npx halfmonth parked release ID... --reason TEXT';

describe('a command that a text proposes', () => {
  test('names the stage, region and profile that the operator named', () => {
    const called = ['status', '--stage', 'prod', '--region=eu-central-1', '--profile', "the operator's"];

    expect(withTarget(TEXT, called)).toBe(
      "See: npx halfmonth status --stage prod --region eu-central-1 --profile 'the operator'\\''s' 2026-11-H1, then " +
        "npx halfmonth parked release --stage prod --region eu-central-1 --profile 'the operator'\\''s' ID... --reason TEXT",
    );
  });

  test('says --local where the operator did', () => {
    expect(withTarget('npx halfmonth doctor', ['status', '--local'])).toBe('npx halfmonth doctor --local');
  });

  test('stays as it is where nobody chose', () => {
    expect(withTarget(TEXT, ['status', '2026-11-H1', '--json'])).toBe(TEXT);
  });
});
