import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { type BuildOptions, build } from 'esbuild';
import { zipSync } from 'fflate';
import { parse } from 'yaml';
import { type Bundle, extractBundle } from '../../local/cloud/lambda/bundle.ts';
import { readTemplate, type TemplateResource } from '../../local/cloud/template/template.ts';

const SERVICE_FOLDER = fileURLToPath(new URL('../../', import.meta.url));
/** What a source imports of the SDK, types left out. */
const SDK_IMPORT = /^import \{([^}]*)\} from ['"](@aws-sdk\/[a-z-]+)['"];/gm;
/** The SDK itself; a library that brings a client along is ours to answer for as far as it is not that client. */
const OF_THE_SDK = /node_modules\/(@aws-sdk|@smithy|@aws)\//;

/** A function that can be started: ours, or the bare one beside it. */
export interface StartableBundle extends Bundle {
  /** What the bundle weighs in a zip. */
  zippedBytes: number;
  environment: Record<string, string>;
}

/** One function of the packaged service with the bare handler that it is compared with. */
export interface ComparedFunction {
  name: string;
  ours: StartableBundle;
  bare: StartableBundle;
  /** What the bare handler imports, such as `@aws-sdk/client-sqs`. */
  clients: string[];
}

/** Every function of a packaged service, each with a bare handler that imports the same SDK clients and commands. */
export async function comparedFunctions(packageFolder: string, targetFolder: string): Promise<ComparedFunction[]> {
  const functions = Object.values(readTemplate(packageFolder).Resources).filter(
    ({ Type }) => Type === 'AWS::Lambda::Function',
  );
  return Promise.all(functions.map((resource) => comparedFunction(resource, packageFolder, targetFolder)));
}

async function comparedFunction(
  { Properties = {} }: TemplateResource,
  packageFolder: string,
  targetFolder: string,
): Promise<ComparedFunction> {
  // The shape that the framework gives every function in the template.
  const { FunctionName, Handler, Code, MemorySize, Environment } = Properties as {
    FunctionName: string;
    Handler: string;
    Code: { S3Key: string };
    MemorySize: number;
    Environment: { Variables: Record<string, unknown> };
  };
  // Lambda sets the size; the template the rest.
  const environment = plainEnvironment({ ...Environment.Variables, AWS_LAMBDA_FUNCTION_MEMORY_SIZE: MemorySize });
  const folder = join(targetFolder, FunctionName);
  const ours = extractBundle({
    packageFolder,
    s3Key: Code.S3Key,
    handler: Handler,
    targetFolder: join(folder, 'ours'),
  });
  const imports = await sdkImportsOf(join(SERVICE_FOLDER, `${Handler.slice(0, Handler.lastIndexOf('.'))}.ts`));
  const bare = await bareBundle(imports, join(folder, 'bare'));
  return {
    name: FunctionName.split('-').at(-1) ?? FunctionName,
    ours: { ...ours, zippedBytes: zippedBytes(ours.moduleUrl), environment },
    bare: { ...bare, zippedBytes: zippedBytes(bare.moduleUrl), environment },
    clients: [...imports.keys()].sort(),
  };
}

/** What a deployment would fill in does not matter to an import; that it is there does. */
function plainEnvironment(variables: Record<string, unknown>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(variables).map(([name, value]) => [
      name,
      typeof value === 'string' || typeof value === 'number' ? String(value) : placeholderOf(name),
    ]),
  );
}

function placeholderOf(name: string): string {
  return name.endsWith('_URL') ? 'http://127.0.0.1/placeholder' : 'placeholder';
}

/** The same options as in a deployment. */
function bundlingOptions(): BuildOptions {
  const service = parse(readFileSync(join(SERVICE_FOLDER, 'serverless.yml'), 'utf8'), { logLevel: 'silent' });
  const { bundle, minify, target, platform, format, mainFields, banner } = service.custom.esbuild;
  return { bundle, minify, target, platform, format, mainFields, banner, absWorkingDir: SERVICE_FOLDER };
}

/** The clients and commands of the SDK that a function's sources and their libraries import, by package. */
async function sdkImportsOf(entryPoint: string): Promise<Map<string, Set<string>>> {
  const { metafile } = await build({
    ...bundlingOptions(),
    entryPoints: [entryPoint],
    metafile: true,
    write: false,
    outdir: '.',
  });
  const imports = new Map<string, Set<string>>();
  for (const source of Object.keys(metafile.inputs).filter((path) => !OF_THE_SDK.test(path))) {
    for (const [, names = '', sdkPackage = ''] of readFileSync(join(SERVICE_FOLDER, source), 'utf8').matchAll(
      SDK_IMPORT,
    )) {
      const known = imports.get(sdkPackage) ?? new Set();
      for (const name of names.split(',').map((text) => text.trim())) {
        if (/^\w+(Client|Command)$/.test(name)) known.add(name);
      }
      imports.set(sdkPackage, known);
    }
  }
  return imports;
}

/** Nothing but the imports and a client of each kind, made as a careful beginner would: outside of the handler. */
async function bareBundle(imports: Map<string, Set<string>>, folder: string): Promise<Bundle> {
  // Two packages may both export a QueryCommand.
  const imported = [...imports].flatMap(([sdkPackage, names], index) =>
    [...names].map((name) => ({ sdkPackage, name, alias: `${name}${index}` })),
  );
  const clients = imported.filter(({ name }) => name.endsWith('Client') && name !== 'DynamoDBDocumentClient');
  const source = [
    ...imported.map(({ sdkPackage, name, alias }) => `import { ${name} as ${alias} } from '${sdkPackage}';`),
    `const clients = [${clients.map(({ alias }) => `new ${alias}({})`).join(', ')}];`,
    `export const handler = async () => [clients, ${imported.map(({ alias }) => alias).join(', ')}];`,
  ].join('\n');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'bare.mjs');
  await build({ ...bundlingOptions(), stdin: { contents: source, resolveDir: SERVICE_FOLDER }, outfile: file });
  return { moduleUrl: pathToFileURL(file).href, handlerExport: 'handler' };
}

function zippedBytes(moduleUrl: string): number {
  const content = readFileSync(fileURLToPath(moduleUrl));
  const zip = zipSync({ 'index.mjs': content }, { level: 9 });
  writeFileSync(`${fileURLToPath(moduleUrl)}.zip`, zip);
  return zip.byteLength;
}
