import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as z from 'zod/mini';
import { Cloud, type CloudOutputs } from './cloud.ts';
import type { CommonOptions } from './common-options.ts';
import { CommandFailed, WrongUsage } from './errors.ts';
import type { Output } from './output.ts';

const FILE = join('.halfmonth', 'local-cloud.json');

const localCloudFile = z.object({
  pid: z.number(),
  region: z.string(),
  outputs: z.record(z.string(), z.string()),
  environment: z.record(z.string(), z.string()),
  /** What its functions are told instead of what the template says. */
  overrides: z.record(z.string(), z.string()),
});

const outputsSchema = z.object({
  EventsQueueUrl: z.string(),
  EventsDeadLetterQueueUrl: z.string(),
  RejectedQueueUrl: z.string(),
  BillingPeriodStateMachineArn: z.string(),
  UsageSlicesTableName: z.string(),
  DailyRecordsTableName: z.string(),
  PackagesTableName: z.string(),
  RunsTableName: z.string(),
  BillingTimeZone: z.string(),
  SliceMinutes: z.string(),
  EventMaxAgeDays: z.string(),
  InvoiceApiUrl: z.string(),
  InvoiceApiTokenParameter: z.string(),
  SendQuota: z.string(),
  StatusQuota: z.string(),
  SharedQuota: z.string(),
  ConfigurationHash: z.string(),
}) satisfies z.ZodMiniType<CloudOutputs>;

/** The outputs that say what functions are told, by the variable that tells it. */
const OUTPUT_OF_VARIABLE: Record<string, keyof CloudOutputs> = {
  EVENT_MAX_AGE_DAYS: 'EventMaxAgeDays',
  INVOICE_API_URL: 'InvoiceApiUrl',
  INVOICE_API_TOKEN_PARAMETER: 'InvoiceApiTokenParameter',
  SEND_QUOTA: 'SendQuota',
  STATUS_QUOTA: 'StatusQuota',
  SHARED_QUOTA: 'SharedQuota',
};

/**
 * Finds the cloud that the options mean: `--stage` on AWS, `--local`, or the local cloud that runs when neither is given. Says
 * which one was chosen when nobody chose.
 * @throws WrongUsage, CommandFailed saying what to do when there is none
 */
export async function connect(options: CommonOptions, output: Output): Promise<Cloud> {
  const { local, stage, region, profile } = options;
  if (local && stage) throw new WrongUsage('Give --local or --stage, not both.');
  if (stage) return connectToStage(stage, region, profile);
  const file = findLocalCloud();
  if (file === undefined) throw noCloud(local === true);
  if (!local) output.note('Using the local cloud that runs here (choose with --local or --stage).');
  return connectToFile(file);
}

/** The file of the local cloud that runs for the folder here, or for this project. */
function findLocalCloud(): string | undefined {
  const start = process.cwd();
  for (let folder = start; ; folder = dirname(folder)) {
    if (existsSync(join(folder, FILE))) return join(folder, FILE);
    if (dirname(folder) === folder) break;
  }
  const own = fileURLToPath(new URL(`../${FILE}`, import.meta.url));
  return existsSync(own) ? own : undefined;
}

function noCloud(wantsLocal: boolean): CommandFailed {
  return new CommandFailed(
    'NO_CLOUD',
    wantsLocal
      ? 'No local cloud runs here. Start one in another terminal: npm start -- --keep'
      : 'Which Halfmonth? Name a deployed stage with --stage, or start a local cloud: npm start -- --keep',
  );
}

function connectToFile(file: string): Cloud {
  const parsed = localCloudFile.safeParse(JSON.parse(readFileSync(file, 'utf8')));
  if (!parsed.success) {
    throw new CommandFailed('LOCAL_CLOUD_FILE', `${file} is of another version. Start anew: npm start -- --keep`);
  }
  const { pid, region, outputs, environment, overrides } = parsed.data;
  if (!isAlive(pid)) {
    throw new CommandFailed(
      'LOCAL_CLOUD_ENDED',
      'The local cloud was ended and left its notice behind. Start it again: npm start -- --keep',
    );
  }
  // Every SDK reads where to go, and the credentials that need not be right, from these.
  Object.assign(process.env, environment);
  const overridden = Object.entries(OUTPUT_OF_VARIABLE).flatMap(([variable, output]) =>
    overrides[variable] === undefined ? [] : [[output, overrides[variable]]],
  );
  const merged = { ...outputs, ...Object.fromEntries(overridden) };
  return new Cloud({ kind: 'local', name: 'local', region }, checkedOutputs(merged, 'The local cloud'), {});
}

async function connectToStage(stage: string, region?: string, profile?: string): Promise<Cloud> {
  const { CloudFormationClient, DescribeStacksCommand } = await import('@aws-sdk/client-cloudformation');
  const configuration = { ...(region ? { region } : {}), ...(profile ? { profile } : {}) };
  const client = new CloudFormationClient(configuration);
  try {
    const actualRegion = await client.config.region();
    const stackName = `halfmonth-${stage}`;
    const { Stacks = [] } = await client.send(new DescribeStacksCommand({ StackName: stackName })).catch((error) => {
      if (error.name !== 'ValidationError') throw error;
      throw new CommandFailed(
        'NO_STACK',
        `There is no stack ${stackName} in ${actualRegion}. Deploy it (npx serverless deploy --stage ${stage}), or check ` +
          '--stage, --region and --profile.',
        { cause: error },
      );
    });
    const outputs = Object.fromEntries(
      (Stacks[0]?.Outputs ?? []).map(({ OutputKey = '', OutputValue = '' }) => [OutputKey, OutputValue]),
    );
    const target = { kind: 'aws', name: stage, region: actualRegion } as const;
    return new Cloud(target, checkedOutputs(outputs, `The stack ${stackName}`), configuration);
  } finally {
    client.destroy();
  }
}

function checkedOutputs(outputs: Record<string, string>, whose: string): CloudOutputs {
  const parsed = outputsSchema.safeParse(outputs);
  if (parsed.success) return parsed.data;
  const missing = parsed.error.issues.map(({ path }) => path.join('.'));
  throw new CommandFailed(
    'OUTPUTS_MISSING',
    `${whose} has no output ${missing.join(', ')}: it is of another version. Deploy or start it again.`,
  );
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
