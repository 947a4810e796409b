import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { build, type Metafile } from 'esbuild';
import { parse } from 'yaml';
import { derivedFrom, readSettings } from '../../config/settings.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const MAXIMUM_RATIO = 1.5;

/** A handler that does nothing but call the same services. */
const BARE_HANDLER = `
  import { BatchGetItemCommand, DynamoDBClient, GetItemCommand, PutItemCommand, QueryCommand, UpdateItemCommand } from '@aws-sdk/client-dynamodb';
  import { SendMessageBatchCommand, SQSClient } from '@aws-sdk/client-sqs';
  const dynamodb = new DynamoDBClient();
  const sqs = new SQSClient();
  export const handler = async (event) => {
    await dynamodb.send(new GetItemCommand(event));
    await dynamodb.send(new PutItemCommand(event));
    await dynamodb.send(new UpdateItemCommand(event));
    await dynamodb.send(new QueryCommand(event));
    await dynamodb.send(new BatchGetItemCommand(event));
    await sqs.send(new SendMessageBatchCommand(event));
  };
`;

test('aggregate-events is at most 1.5 times a bare handler with the same clients, and has no other client', async () => {
  const [ours, bare] = await Promise.all([
    bundle({ entryPoints: ['functions/aggregate-events.ts'] }),
    bundle({ stdin: { contents: BARE_HANDLER, resolveDir: ROOT } }),
  ]);

  expect(bare.bytes).toBeGreaterThan(100_000);
  expect(ours.bytes / bare.bytes).toBeLessThanOrEqual(MAXIMUM_RATIO);
  expect(ours.clients).toEqual(['client-dynamodb', 'client-sqs']);
});

test('with an archive it has the client of S3 too, and without one nothing of it', async () => {
  const settings = { ...readSettings('prod'), archive: { enabled: true, retentionDays: 400, waitSeconds: 3 } };
  const { alias } = derivedFrom(settings).archive;
  const [archiving, plain] = await Promise.all([
    bundle({ entryPoints: ['functions/aggregate-events.ts'] }, alias),
    bundle({ entryPoints: ['functions/aggregate-events.ts'] }, derivedFrom(readSettings('prod')).archive.alias),
  ]);

  expect(archiving.clients).toEqual(['client-dynamodb', 'client-s3', 'client-sqs']);
  expect(plain.inputs.filter((path) => path.startsWith('lib/archive') || path.includes('client-s3'))).toEqual([]);
});

/** With the options that the service is packaged with. */
async function bundle(
  entry: { entryPoints: string[] } | { stdin: { contents: string; resolveDir: string } },
  alias: Record<string, string> = {},
) {
  const { custom } = parse(readFileSync(`${ROOT}serverless.yml`, 'utf8'), { logLevel: 'silent' }) as {
    custom: {
      esbuild: { minify: boolean; target: string; format: 'esm'; mainFields: string[]; banner: { js: string } };
    };
  }; // our own file
  const { minify, target, format, mainFields, banner } = custom.esbuild;
  const { outputFiles, metafile } = await build({
    ...entry,
    alias,
    bundle: true,
    write: false,
    metafile: true,
    absWorkingDir: ROOT,
    outdir: 'out',
    platform: 'node',
    minify,
    target,
    format,
    mainFields,
    banner,
  });
  const inputs = Object.values(metafile.outputs).flatMap((output) =>
    Object.entries(output.inputs).flatMap(([path, { bytesInOutput }]) => (bytesInOutput > 0 ? [path] : [])),
  );
  return { bytes: outputFiles[0]?.contents.length ?? 0, clients: clientsIn(metafile), inputs };
}

/** The SDK clients whose code is in the bundle; credentials bring in parts of others, which are nested. */
function clientsIn({ outputs }: Metafile): string[] {
  const inputs = Object.values(outputs).flatMap(({ inputs }) => Object.entries(inputs));
  const names = inputs.flatMap(([path, { bytesInOutput }]) => {
    const name = /node_modules\/@aws-sdk\/(client-[^/]+|lib-[^/]+)\//.exec(path)?.[1];
    return name && bytesInOutput > 0 ? [name] : [];
  });
  return [...new Set(names)].sort();
}
