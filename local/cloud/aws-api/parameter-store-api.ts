import { z } from 'zod';
import type { Service } from './aws-api-server.ts';
import { AwsError } from './aws-error.ts';

const getParameter = z.object({ Name: z.string() });
const putParameter = z.object({
  Name: z.string().min(1),
  Value: z.string().min(1),
  Type: z.enum(['String', 'StringList', 'SecureString']).optional(),
  Overwrite: z.boolean().optional(),
});
const getParameters = z.object({ Names: z.array(z.string()).min(1).max(10) });

/**
 * Systems Manager's Parameter Store: reads and `PutParameter`
 * (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html). Everything is a
 * `SecureString`.
 * @param parameters values by name to begin with
 */
export function parameterStoreApi(parameters: Record<string, string>, region: string): Service {
  const kept = new Map(
    Object.entries(parameters).map(([name, value]) => [name, { value, version: 1, modified: Date.now() / 1000 }]),
  );
  const parameterOf = (name: string) => {
    const found = kept.get(name);
    return (
      found && {
        Name: name,
        Type: 'SecureString',
        Value: found.value,
        Version: found.version,
        LastModifiedDate: found.modified,
        ARN: `arn:aws:ssm:${region}:000000000000:parameter${name.startsWith('/') ? '' : '/'}${name}`,
        DataType: 'text',
      }
    );
  };
  return {
    GetParameter(input) {
      const { Name } = getParameter.parse(input);
      const Parameter = parameterOf(Name);
      if (!Parameter) throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
      return { Parameter };
    },
    PutParameter(input) {
      const { Name, Value, Overwrite = false } = putParameter.parse(input);
      const before = kept.get(Name);
      if (before && !Overwrite) {
        throw new AwsError('ParameterAlreadyExists', 'The parameter already exists. To overwrite it, set Overwrite.');
      }
      const version = (before?.version ?? 0) + 1;
      kept.set(Name, { value: Value, version, modified: Date.now() / 1000 });
      return { Version: version, Tier: 'Standard' };
    },
    GetParameters(input) {
      const { Names } = getParameters.parse(input);
      return {
        Parameters: Names.map(parameterOf).filter((parameter) => parameter !== undefined),
        InvalidParameters: Names.filter((name) => !parameterOf(name)),
      };
    },
  };
}
