import * as z from 'zod/mini';
import { readEnvironment, requiredText } from './environment.ts';

const schema = z.object({ POWERTOOLS_SERVICE_NAME: requiredText() });

/**
 * The service with its stage, such as `halfmonth-prod`: what metrics and events of several stages in one account differ by.
 * @throws InvalidEnvironment
 */
export function serviceName(environment: Record<string, string | undefined>): string {
  return readEnvironment(schema, environment).POWERTOOLS_SERVICE_NAME;
}
