import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import type { Output } from '../terminal/output.ts';
import { checkedOutputs } from './checked-outputs.ts';
import { Cloud } from './cloud.ts';

/** Which deployment is meant, in the words of the options. */
export interface StageOptions {
  stage: string;
  region?: string | undefined;
  profile?: string | undefined;
}

const STACK_PREFIX = 'halfmonth-';
/** What may follow the prefix in a stack's name. */
const STAGE = /^[A-Za-z0-9][A-Za-z0-9-]{0,99}$/;
const AWS_HOST = /\.(amazonaws\.com|amazonaws\.com\.cn|api\.aws)$/;

/**
 * Finds a deployed stage by the outputs of its stack, with the ordinary credential chain, at the endpoint that the
 * SDK's own settings name (`AWS_ENDPOINT_URL`, `AWS_ENDPOINT_URL_CLOUDFORMATION`, the profile), or AWS.
 * @throws WrongUsage for what names no stage or no region
 * @throws CommandFailed saying what to do when there is no such stack, or none that can be worked with
 */
export async function connectToStage(options: StageOptions, output: Output): Promise<Cloud> {
  const { stage, region: givenRegion, profile } = options;
  if (!STAGE.test(stage)) {
    throw new WrongUsage(`"${stage}" is not the name of a stage: letters, digits and -, as in --stage prod.`);
  }
  if (profile) preferProfile(profile);
  const client = new CloudFormationClient(givenRegion ? { region: givenRegion } : {});
  const seen = watchHost(client);
  try {
    const region = await regionOf(client, profile);
    const stackName = STACK_PREFIX + stage;
    const stack = await findStack(client, stackName).catch((error) => {
      throw error.name === 'CredentialsProviderError' ? noCredentials(profile, error) : error;
    });
    const elsewhere = seen.host === undefined || AWS_HOST.test(seen.host) ? undefined : seen.host;
    if (!stack) throw await noStack(client, { ...options, region, elsewhere });
    if (elsewhere) output.note(`Talking to ${elsewhere}, not to AWS: AWS_ENDPOINT_URL or the profile says so.`);
    const status = stack.StackStatus ?? 'UNKNOWN';
    if (!/^(CREATE|UPDATE|IMPORT)_COMPLETE$/.test(status)) {
      output.note(`The stack ${stackName} is ${status}: look at its events before you trust what it does.`);
    }
    const outputs = Object.fromEntries(
      (stack.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
    const whose = `The stack ${stackName} (${status})`;
    const next = `Deploy it: npx serverless deploy --stage ${stage} --region ${region}`;
    const target = { kind: 'aws', name: stage, region } as const;
    return new Cloud(target, checkedOutputs(outputs, whose, next), { region });
  } finally {
    client.destroy();
  }
}

/** The region of the options, the environment or the profile. @throws WrongUsage when none names one */
async function regionOf(client: CloudFormationClient, profile: string | undefined): Promise<string> {
  try {
    return await client.config.region();
  } catch (cause) {
    const where = profile ? `The profile ${profile} names none` : 'Neither AWS_REGION nor the profile names one';
    throw new WrongUsage(`Which region is the stage in? ${where}: give --region, as in --region eu-central-1.`, {
      cause,
    });
  }
}

/**
 * Lets every client of this process sign in with a profile. The client's own option for it leaves out the profile's
 * `endpoint_url`, and keys in the environment would stand beside the profile's.
 */
function preferProfile(profile: string): void {
  process.env.AWS_PROFILE = profile;
  for (const variable of ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'])
    delete process.env[variable];
}

function noCredentials(profile: string | undefined, cause: Error): CommandFailed {
  const words = profile
    ? `No credentials for the profile ${profile}: is it in ~/.aws/config? Sign in with "aws sso login --profile ${profile}", ` +
      'or name another with --profile.'
    : 'No credentials for AWS: sign in with "aws sso login", set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a ' +
      'profile with --profile.';
  return new CommandFailed('NO_CREDENTIALS', `${words} (${cause.message})`, { cause });
}

async function findStack(client: CloudFormationClient, stackName: string): Promise<Stack | undefined> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stackName }));
    return Stacks[0];
  } catch (error) {
    // So CloudFormation says that there is none.
    if (error instanceof Error && error.name === 'ValidationError' && /does not exist/.test(error.message)) return;
    throw error;
  }
}

async function noStack(
  client: CloudFormationClient,
  { stage, region, profile, elsewhere }: StageOptions & { region: string; elsewhere: string | undefined },
): Promise<CommandFailed> {
  const stages = await otherStages(client);
  const where = `in ${region}${profile ? ` (profile ${profile})` : ''}${elsewhere ? ` at ${elsewhere}` : ''}`;
  const next =
    stages.length > 0
      ? `There is --stage ${stages.join(', --stage ')}.`
      : `Check --region and --profile, or deploy it: npx serverless deploy --stage ${stage} --region ${region}`;
  const endpoint = elsewhere ? ' For AWS itself unset AWS_ENDPOINT_URL.' : '';
  return new CommandFailed('NO_STACK', `There is no stack ${STACK_PREFIX}${stage} ${where}. ${next}${endpoint}`);
}

/** The stages there are; nothing where the role may not list stacks. */
async function otherStages(client: CloudFormationClient): Promise<string[]> {
  try {
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({}));
    const names = Stacks.map(({ StackName = '' }) => StackName).filter((name) => name.startsWith(STACK_PREFIX));
    return names.map((name) => name.slice(STACK_PREFIX.length)).sort();
  } catch {
    return [];
  }
}

/** Notes which host requests really go to, whatever decided that. */
function watchHost(client: CloudFormationClient): { host?: string } {
  const seen: { host?: string } = {};
  client.middlewareStack.add(
    (next) => (args) => {
      // An HttpRequest at this step, as every client over HTTP has it.
      const { hostname, port } = args.request as { hostname: string; port?: number };
      seen.host = port === undefined ? hostname : `${hostname}:${port}`;
      return next(args);
    },
    { step: 'finalizeRequest', name: 'watchHost' },
  );
  return seen;
}
