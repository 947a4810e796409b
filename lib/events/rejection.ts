import { visibleLine } from '../text/visible-text.ts';

/** Why an event can never be counted. Stable: producers' alarms and the replay of rejected messages name them. */
export const REJECTION_REASONS = [
  'NOT_JSON',
  'NOT_AN_OBJECT',
  'NOT_A_CLOUDEVENT',
  'REPEATED_MEMBER',
  'INVALID_CLIENT_ID',
  'INVALID_TIME',
  'TIME_IN_FUTURE',
  'TOO_OLD',
  'NO_DATA',
  'INVALID_METER',
  'INVALID_QUANTITY',
  'QUANTITY_NOT_FINITE',
  'QUANTITY_TOO_PRECISE',
  'QUANTITY_TOO_LARGE',
  'QUANTITY_INEXACT',
  'QUANTITY_OUT_OF_BOUNDS',
  'METER_NOT_ACTIVE',
  'TOO_MANY_FAULTS',
] as const;
export type RejectionReason = (typeof REJECTION_REASONS)[number];

/** What is wrong with an event: a code for programs, a sentence for people. */
export interface Rejection {
  reason: RejectionReason;
  message: string;
}

/** Why an event can never count: the code for programs, the sentence for people. */
export function rejection(reason: RejectionReason, message: string): Rejection {
  return { reason, message };
}

const SHOWN_LENGTH = 80;

/** A value as it can be shown in a sentence: short, in one line, without a character that a terminal would act on. */
export function shown(value: unknown): string {
  if (value === undefined) return 'missing';
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, SHOWN_LENGTH) : value) ?? String(value);
  const isCut = text.length > SHOWN_LENGTH || (typeof value === 'string' && value.length > SHOWN_LENGTH);
  return visibleLine(isCut ? `${text.slice(0, SHOWN_LENGTH - 3)}...` : text);
}
