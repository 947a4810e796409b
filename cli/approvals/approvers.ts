import { type Caller, callerWords, type Intervention } from '../../lib/interventions/intervention.ts';

/** What the output says where the stage names nobody. */
export const ANYBODY = 'anybody';

/**
 * Why somebody may not decide on what a run holds; undefined where nothing speaks against it.
 * @param approvers ARNs with commas between, or `anybody`
 * @param interventions what persons did in the period
 * @param executionArn the run's; absent where none waits
 */
export function obstacleToDecide(
  caller: Caller,
  approvers: string,
  interventions: readonly Intervention[],
  executionArn: string,
): string | undefined {
  if (approvers !== ANYBODY && !approvers.split(',').some((approver) => isMeantBy(approver, caller))) {
    return `${callerWords(caller)} is none of the approvers of this stage (gate.approvers: ${approvers.replaceAll(',', ', ')}).`;
  }
  const started = interventions.find(({ kind, subjects }) => kind === 'run' && subjects.includes(executionArn));
  if (!started || !isSame(started.by, caller)) return undefined;
  return `${callerWords(caller)} started this run at ${started.at}, and who starts a run does not approve it: somebody else has to.`;
}

/** Nobody vouches for the users of a machine: on a local cloud one person tries both sides. */
function isSame(starter: Caller, caller: Caller): boolean {
  return caller.knownBy === 'aws' && starter.name === caller.name;
}

/**
 * Whether an approver is the caller, or the role whose session the caller has. A role's ARN has a path that the ARN of
 * its session leaves out (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html).
 */
function isMeantBy(approver: string, { knownBy, name }: Caller): boolean {
  if (knownBy !== 'aws') return false;
  if (approver === name) return true;
  const role = /^arn:([^:]+):iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(approver);
  const session = /^arn:([^:]+):sts::(\d+):assumed-role\/([^/]+)\/[^/]+$/.exec(name);
  return role !== null && session !== null && [1, 2, 3].every((part) => role[part] === session[part]);
}
