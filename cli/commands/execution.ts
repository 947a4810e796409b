import { type HistoryEvent, paginateGetExecutionHistory } from '@aws-sdk/client-sfn';
import type { Context } from '../connection/context.ts';
import { describeExecution, executionArnOf, failureWords } from '../executions/executions.ts';
import { failedChunks } from '../executions/failed-chunks.ts';
import { historyWords } from '../executions/history-words.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';
import { command } from '../terminal/next-command.ts';
import { durationWords } from '../terminal/words.ts';

/** Tells the history of an execution in plain words, and where it failed at a Map, why its chunks did. */
export async function run(context: Context, given: string): Promise<ExitCode> {
  const cloud = await context.cloud();
  const client = await cloud.stepFunctions();
  const { output } = context;
  const executionArn = executionArnOf(cloud, given);
  const execution = await describeExecution(client, executionArn);
  const events: HistoryEvent[] = [];
  const pages = paginateGetExecutionHistory(
    { client },
    { executionArn, includeExecutionData: false, maxResults: 1_000 },
  );
  for await (const page of pages) events.push(...(page.events ?? []));
  const history = historyWords(events);
  const { chunks, isCut } = await failedChunks(client, events);
  const { name, status = '', startDate, stopDate, input, redriveStatus } = execution;
  output.result({
    command: 'execution',
    target: cloud.target,
    execution: { name, executionArn, status, startedAt: startDate, endedAt: stopDate ?? null, input, redriveStatus },
    history,
    failedChunks: chunks,
    failedChunksAreCut: isCut,
  });
  const took = (stopDate?.getTime() ?? Date.now()) - (startDate?.getTime() ?? Date.now());
  output.line(`${output.style('bold', name ?? given)}  ${status.toLowerCase()}, ${durationWords(took)}`);
  output.line(`input ${input}`);
  for (const { at, words, isFailure } of history) {
    output.line(`${at}  ${isFailure ? output.style('red', words) : words}`);
  }
  for (const chunk of chunks) {
    output.line(output.style('red', `a chunk failed. ${failureWords(chunk)}`));
    output.line(`  its history: ${command('execution')} ${chunk.executionArn}`);
  }
  if (isCut) output.line(`More chunks failed than these ${chunks.length}: the rest is in the Step Functions console.`);
  const isBad = ['FAILED', 'TIMED_OUT', 'ABORTED'].includes(status);
  if (isBad && redriveStatus === 'REDRIVABLE') output.line(`When the cause is mended: ${command('redrive')} ${name}`);
  return isBad ? EXIT.foundProblem : EXIT.done;
}
