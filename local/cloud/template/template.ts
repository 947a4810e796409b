import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { LocalCloudError } from '../local-cloud-error.ts';

/** One resource of a compiled CloudFormation template, its properties still holding intrinsic functions. */
export interface TemplateResource {
  Type: string;
  Properties?: Record<string, unknown>;
  Condition?: string;
}

/** The parts of a compiled CloudFormation template that the local cloud reads. */
export interface Template {
  Resources: Record<string, TemplateResource>;
  Outputs?: Record<string, { Value: unknown }>;
  Conditions?: Record<string, unknown>;
  Parameters?: Record<string, { Default?: unknown }>;
}

const serverlessState = z.object({
  service: z.object({
    service: z.string(),
    provider: z.object({ stage: z.string(), stackName: z.string().optional() }),
  }),
});

/** The folder does not hold what `serverless package` writes. */
export class PackageUnreadable extends LocalCloudError {
  readonly code = 'PACKAGE_UNREADABLE';
}

/** What `serverless package` names the template it would deploy. */
const TEMPLATE_FILE = 'cloudformation-template-update-stack.json';

/**
 * Reads the template that `serverless package` compiled.
 * @throws PackageUnreadable where the file is missing or no template
 */
export function readTemplate(packageFolder: string): Template {
  const file = join(packageFolder, TEMPLATE_FILE);
  try {
    const template: unknown = JSON.parse(readFileSync(file, 'utf8'));
    if (isTemplate(template)) return template;
  } catch (cause) {
    throw new PackageUnreadable(`${file} cannot be read; run "npm run package" first.`, { cause });
  }
  throw new PackageUnreadable(`${file} is no CloudFormation template: it has no Resources.`);
}

/** What `serverless package` writes beside the template: the service as it understood it. */
const STATE_FILE = 'serverless-state.json';

/**
 * The name of the stack that `serverless deploy` would make of the package, such as `halfmonth-dev`.
 * @throws PackageUnreadable where the file is missing or does not say
 */
export function readStackName(packageFolder: string): string {
  const file = join(packageFolder, STATE_FILE);
  try {
    const { service } = serverlessState.parse(JSON.parse(readFileSync(file, 'utf8')));
    return service.provider.stackName ?? `${service.service}-${service.provider.stage}`;
  } catch (cause) {
    throw new PackageUnreadable(`${file} does not name the service and its stage; run "npm run package" again.`, {
      cause,
    });
  }
}

function isTemplate(value: unknown): value is Template {
  return typeof value === 'object' && value !== null && 'Resources' in value && typeof value.Resources === 'object';
}
