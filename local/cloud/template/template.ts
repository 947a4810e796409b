import { readFileSync } from 'node:fs';
import { join } from 'node:path';
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

function isTemplate(value: unknown): value is Template {
  return typeof value === 'object' && value !== null && 'Resources' in value && typeof value.Resources === 'object';
}
