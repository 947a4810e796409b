import { html } from 'hono/html';
import * as execution from '../../cli/commands/execution.ts';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { describeExecution, executionArnOf } from '../../cli/executions/executions.ts';
import { decisionForm, said } from '../changes.ts';
import { call } from '../conversation.ts';
import { type Frame, type Markup, page } from '../layout.ts';

/** One execution in plain words, and what can be done about it. */
export async function runPage(frame: Frame, cloud: Cloud, name: string, formToken: string): Promise<Markup> {
  const { status = '', redriveStatus } = await describeExecution(
    await cloud.stepFunctions(),
    executionArnOf(cloud, name),
  );
  const { lines } = await call(cloud, (context) => execution.run(context, name), false);
  const isRunning = status === 'RUNNING' || status === 'PENDING_REDRIVE';
  return page(
    frame,
    `Run ${name}`,
    `npx halfmonth execution ${name}`,
    html`${
      frame.mayChange && redriveStatus === 'REDRIVABLE'
        ? decisionForm({ change: 'redrive', subject: name, token: formToken, words: 'Let it go on where it failed' })
        : ''
    }
      ${frame.mayChange && isRunning ? decisionForm({ change: 'stop', subject: name, token: formToken, words: 'Stop it' }) : ''}
      ${said(lines)}`,
  );
}
