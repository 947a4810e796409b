import { html } from 'hono/html';
import type { Context as CommandContext } from '../cli/connection/context.ts';
import type { ExitCode } from '../cli/terminal/exit-codes.ts';
import { commandLine, type Markup } from './layout.ts';

/** What can be changed from a page, each by the command of the same name. */
export const CHANGES = ['run', 'preview', 'release', 'give-up', 'redrive', 'stop', 'replay', 'unblock'] as const;
export type Change = (typeof CHANGES)[number];

/** A change as a form says it. */
export interface WantedChange {
  change: Change;
  /** A period, a package or an execution; a reason code for `replay`; nothing for `unblock`. */
  subject: string;
  /** Why; kept where the command keeps it. */
  reason: string;
}

type Command = (context: CommandContext) => Promise<ExitCode | undefined>;

const COMMANDS: Record<Change, (wanted: WantedChange) => { line: string; call: Command }> = {
  run: ({ subject }) => ({
    line: `npx halfmonth run ${subject}`,
    call: async (context) => (await import('../cli/commands/run.ts')).run(context, subject, {}),
  }),
  preview: ({ subject }) => ({
    line: `npx halfmonth run ${subject} --preview`,
    call: async (context) => (await import('../cli/commands/run.ts')).run(context, subject, { preview: true }),
  }),
  release: ({ subject, reason }) => ({
    line: `npx halfmonth parked release ${subject} --reason ${quoted(reason)}`,
    call: async (context) => (await import('../cli/commands/parked-release.ts')).run(context, [subject], { reason }),
  }),
  'give-up': ({ subject, reason }) => ({
    line: `npx halfmonth parked give-up ${subject} --reason ${quoted(reason)}`,
    call: async (context) => (await import('../cli/commands/parked-give-up.ts')).run(context, [subject], { reason }),
  }),
  redrive: ({ subject }) => ({
    line: `npx halfmonth redrive ${subject}`,
    call: async (context) => (await import('../cli/commands/redrive.ts')).run(context, subject),
  }),
  stop: ({ subject, reason }) => ({
    line: `npx halfmonth stop ${subject} --reason ${quoted(reason)}`,
    call: async (context) => (await import('../cli/commands/stop.ts')).run(context, subject, { reason }),
  }),
  replay: ({ subject }) => ({
    line: `npx halfmonth rejected --replay${subject ? ` --reason ${subject}` : ''}`,
    call: async (context) =>
      (await import('../cli/commands/rejected.ts')).run(context, {
        replay: true,
        limit: 1_000,
        ...(subject ? { reason: subject } : {}),
      }),
  }),
  unblock: ({ reason }) => ({
    line: `npx halfmonth quota --unblock --reason ${quoted(reason)}`,
    call: async (context) => (await import('../cli/commands/quota.ts')).run(context, { unblock: true, reason }),
  }),
};

/** The command that makes a change, as it is typed and as it is called. */
export function commandOf(wanted: WantedChange): { line: string; call: Command } {
  return COMMANDS[wanted.change](wanted);
}

/** Whether a word is a change that the console knows. */
export function isChange(text: string): text is Change {
  return CHANGES.some((known) => known === text);
}

/** Changes that keep a person's reason. */
const WITH_REASON: ReadonlySet<Change> = new Set(['release', 'give-up', 'stop', 'unblock']);

/** A form that leads to the preview of a change. */
export function decisionForm({
  change,
  subject,
  token,
  words,
}: {
  change: Change;
  subject: string;
  token: string;
  words: string;
}): Markup {
  return html`<form class="change" method="post" action="/change/preview">
    <input type="hidden" name="token" value="${token}" />
    <input type="hidden" name="change" value="${change}" />
    <input type="hidden" name="subject" value="${subject}" />
    ${WITH_REASON.has(change) ? html`<label>Why? <input name="reason" required autocomplete="off" /></label>` : ''}
    <button>${words} …</button>
  </form>`;
}

/** What a change would do, and the button that does it; no button where the command asked nothing. */
export function previewOf(
  wanted: WantedChange,
  question: string | undefined,
  lines: readonly string[],
  token: string,
): Markup {
  const { line } = commandOf(wanted);
  if (question === undefined) {
    const next =
      wanted.change === 'preview' ? decisionForm({ ...wanted, change: 'run', token, words: 'Start a run' }) : '';
    return html`<p class="question">Nothing was changed.</p>
      ${said(lines)} ${commandLine(line)} ${next}
      <p><a href="/">To the period</a></p>`;
  }
  return html`<p class="question">${question}</p>
    ${said(lines)} ${commandLine(line)}
    <form method="post" action="/change/do">
      <input type="hidden" name="token" value="${token}" />
      <input type="hidden" name="change" value="${wanted.change}" />
      <input type="hidden" name="subject" value="${wanted.subject}" />
      <input type="hidden" name="reason" value="${wanted.reason}" />
      <button class="do">Yes, do it</button> <a href="/">No, go back</a>
    </form>`;
}

/** What a command said. */
export function said(lines: readonly string[]): Markup {
  return lines.length === 0 ? html`` : html`<pre class="said">${lines.join('\n')}</pre>`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
