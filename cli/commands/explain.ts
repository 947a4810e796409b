import type { Context } from '../connection/context.ts';
import { clientFacts } from '../packages/client-facts.ts';
import { explainClient } from '../packages/explain-client.ts';
import { readClientId } from '../packages/package-id.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { EXIT, type ExitCode } from '../terminal/exit-codes.ts';

/** Says in plain words why a client is not done, and what happens next. */
export async function run(context: Context, clientId: string, given: string | undefined): Promise<ExitCode> {
  const client = readClientId(clientId);
  const cloud = await context.cloud();
  const { output } = context;
  const period = periodOrLast(given, cloud, output);
  const facts = await clientFacts(cloud, client, period);
  const explanation = explainClient(facts);
  output.result({ command: 'explain', target: cloud.target, ...explanation, facts });
  const style = explanation.isDone ? 'green' : explanation.needsPerson ? 'red' : 'yellow';
  output.line(output.style(style, explanation.headline));
  for (const detail of explanation.details) output.line(detail);
  output.line(`What next: ${explanation.next}`);
  return explanation.needsPerson ? EXIT.foundProblem : EXIT.done;
}
