import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../local/kept-cloud/is-alive.ts';
import { KEPT_CLOUD_NOTICE, readKeptCloudNotice } from '../../local/kept-cloud/kept-cloud-notice.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import type { Output } from '../terminal/output.ts';
import { checkedOutputs } from './checked-outputs.ts';
import { Cloud, type CloudOutputs } from './cloud.ts';
import type { CommonOptions } from './common-options.ts';

/** The outputs that say what functions are told, by the variable that tells it. */
const OUTPUT_OF_VARIABLE: Record<string, keyof CloudOutputs> = {
  EVENT_MAX_AGE_DAYS: 'EventMaxAgeDays',
  INVOICE_API_URL: 'InvoiceApiUrl',
  INVOICE_API_TOKEN_PARAMETER: 'InvoiceApiTokenParameter',
  SEND_QUOTA: 'SendQuota',
  STATUS_QUOTA: 'StatusQuota',
  SHARED_QUOTA: 'SharedQuota',
  GATE_MODE: 'GateMode',
};

/** The stage that is meant where neither --stage nor --local is given. */
const STAGE_VARIABLE = 'HALFMONTH_STAGE';

/**
 * Finds the cloud that the options mean: `--stage` on AWS, `--local`, or the local cloud that runs when neither is
 * given. Says which one was chosen when none was named.
 * @throws WrongUsage, CommandFailed saying what to do when there is none
 */
export async function connect(options: CommonOptions, output: Output): Promise<Cloud> {
  const { local, region, profile } = options;
  // What is typed beats what is set.
  const usual = local ? undefined : process.env[STAGE_VARIABLE];
  const stage = options.stage ?? usual;
  if (usual && !options.stage)
    output.note(`Stage ${usual}, as ${STAGE_VARIABLE} says (choose with --local or --stage).`);
  if (local && stage) throw new WrongUsage('Give --local or --stage, not both.');
  if (stage) {
    const { connectToStage } = await import('./stage-connection.ts');
    return connectToStage({ stage, region, profile }, output);
  }
  if (region || profile) throw new WrongUsage('--region and --profile are for AWS: name the stage too, with --stage.');
  const file = findLocalCloud();
  if (file === undefined) throw noCloud(local === true);
  if (!local) output.note('Using the local cloud that runs here (choose with --local or --stage).');
  return connectToFile(file);
}

/** The file of the local cloud that runs for the folder here, or for this project. */
function findLocalCloud(): string | undefined {
  const start = process.cwd();
  for (let folder = start; ; folder = dirname(folder)) {
    const file = join(folder, KEPT_CLOUD_NOTICE);
    if (existsSync(file)) return file;
    if (dirname(folder) === folder) break;
  }
  const own = fileURLToPath(new URL(`../${KEPT_CLOUD_NOTICE}`, import.meta.url));
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
  const notice = readKeptCloudNotice(file);
  if (!notice) {
    throw new CommandFailed(
      'LOCAL_CLOUD_FILE',
      `${file} is of another version. End that local cloud with Ctrl-C in its terminal and start it again: npm start -- --keep`,
    );
  }
  const { pid, region, outputs, environment, overrides } = notice;
  if (!isAlive(pid)) {
    throw new CommandFailed(
      'LOCAL_CLOUD_ENDED',
      'The local cloud was ended and left its notice behind. Start it again: npm start -- --keep',
    );
  }
  // Every SDK reads where to go, and the credentials that need not be right, from these.
  Object.assign(process.env, environment);
  // A profile would be preferred to them.
  delete process.env.AWS_PROFILE;
  const overridden = Object.entries(OUTPUT_OF_VARIABLE).flatMap(([variable, output]) =>
    overrides[variable] === undefined ? [] : [[output, overrides[variable]]],
  );
  const merged = { ...outputs, ...Object.fromEntries(overridden) };
  const checked = checkedOutputs(merged, 'The local cloud', 'Start it again: npm start -- --keep');
  return new Cloud({ kind: 'local', name: 'local', region }, checked, {});
}
