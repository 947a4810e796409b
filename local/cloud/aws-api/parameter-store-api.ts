import { z } from 'zod';
import type { Service } from './aws-api-server.ts';
import { AwsError } from './aws-error.ts';

const getParameter = z.object({ Name: z.string() });
const getParameters = z.object({ Names: z.array(z.string()).min(1).max(10) });

/**
 * Reads of Systems Manager's Parameter Store
 * (https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html).
 * @param parameters values by name, all of them `SecureString`
 */
export function parameterStoreApi(parameters: Record<string, string>, region: string): Service {
  const modified = Date.now() / 1000;
  const parameterOf = (name: string) =>
    Object.hasOwn(parameters, name)
      ? {
          Name: name,
          Type: 'SecureString',
          Value: parameters[name],
          Version: 1,
          LastModifiedDate: modified,
          ARN: `arn:aws:ssm:${region}:000000000000:parameter${name.startsWith('/') ? '' : '/'}${name}`,
          DataType: 'text',
        }
      : undefined;
  return {
    GetParameter(input) {
      const { Name } = getParameter.parse(input);
      const Parameter = parameterOf(Name);
      if (!Parameter) throw new AwsError('ParameterNotFound', `Parameter ${Name} not found.`);
      return { Parameter };
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
