/**
 * Sends packages through every profile of the invoice API simulator, with Halfmonth's own tasks and in the usual way,
 * on the same engine, the same simulator and the same seed, one after the other. With --adapter, through a vendor's
 * adapter to the simulation of its API, with Halfmonth's tasks alone.
 */
import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { CreateTableCommand, type CreateTableCommandInput, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { parse } from 'yaml';
import { startDynamoDbEngine } from '../../local/engines/dynamodb-engine.ts';
import { isProfileName, PROFILE_NAMES } from '../../local/invoice-api-simulator/profiles.ts';
import { isVendorName, VENDOR_NAMES } from '../../local/vendor-apis/simulated-vendor.ts';
import { BENCH_PROFILES } from './bench-profiles.ts';
import type { SendMeasurement } from './measurement.ts';
import { measureOurs, measureVendor, type SendTables } from './ours.ts';
import { measureUsual } from './usual.ts';

const { values } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    profiles: { type: 'string' },
    adapter: { type: 'string' },
    faults: { type: 'boolean', default: false },
    seed: { type: 'string', default: '1' },
    packages: { type: 'string' },
    'only-ours': { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  console.log(`npm run -s bench:send -- [--json] [--profiles demo,tenant-daily] [--seed N] [--only-ours]
  [--packages N]                  instead of each profile's own
  [--adapter stripe,lago,xero]    the vendors' APIs instead of profiles
  [--faults]                      requests to the vendors' APIs go wrong, one in 22; the ideal leaves that out
Profiles: ${PROFILE_NAMES.join(', ')}`);
  process.exit(0);
}

if (values.adapter !== undefined) {
  process.exit(await measureVendors(values.adapter.split(',')));
}

const wanted = (values.profiles ?? PROFILE_NAMES.join(',')).split(',');
const unknown = wanted.filter((name) => !isProfileName(name));
if (unknown.length > 0) {
  console.error(`No such profile: ${unknown.join(', ')}. There are ${PROFILE_NAMES.join(', ')}.`);
  process.exit(2);
}

const profiles: Record<string, { ours: SendMeasurement; usual?: SendMeasurement }> = {};
for (const name of wanted.filter(isProfileName)) {
  const given = BENCH_PROFILES[name];
  BENCH_PROFILES[name] = { ...given, packages: Number(values.packages ?? given.packages) };
  const ours = await onEmptyTables((tables) => measureOurs(name, Number(values.seed), tables));
  print(name, 'ours', ours);
  profiles[name] = { ours };
  if (values['only-ours']) continue;
  const usual = await measureUsual(name, Number(values.seed));
  print(name, 'usual', usual);
  profiles[name] = { ours, usual };
}
if (values.json) console.log(JSON.stringify({ profiles }));

/** @returns the exit code */
async function measureVendors(names: readonly string[]): Promise<number> {
  const strangers = names.filter((name) => !isVendorName(name));
  if (strangers.length > 0) {
    console.error(`No such adapter is simulated: ${strangers.join(', ')}. There are ${VENDOR_NAMES.join(', ')}.`);
    return 2;
  }
  const adapters: Record<string, SendMeasurement> = {};
  const asked = { packages: Number(values.packages ?? 2_000), seed: Number(values.seed), hasFaults: values.faults };
  for (const name of names.filter(isVendorName)) {
    const ours = await onEmptyTables((tables) => measureVendor(name, asked, tables));
    print(name, values.faults ? 'ours, with faults' : 'ours', ours);
    adapters[name] = ours;
  }
  if (values.json) console.log(JSON.stringify({ adapters }));
  return 0;
}

function print(profile: string, way: string, measured: SendMeasurement): void {
  const figures = Object.entries(measured).map(([name, value]) => `${name} ${value}`);
  const line = `${profile} ${way}: ${figures.join(', ')}`;
  // With --json, standard output is one document.
  if (values.json) console.error(line);
  else console.log(line);
}

async function onEmptyTables<Result>(work: (tables: SendTables) => Promise<Result>): Promise<Result> {
  const engine = await startDynamoDbEngine();
  const client = new DynamoDBClient({
    endpoint: engine.endpoint,
    region: 'eu-central-1',
    credentials: { accessKeyId: 'local', secretAccessKey: 'local' },
  });
  try {
    const names = { PackagesTable: 'packages', RunsTable: 'runs' };
    for (const [logicalId, TableName] of Object.entries(names)) {
      await client.send(new CreateTableCommand({ ...declarationOf(logicalId), TableName }));
    }
    return await work({ client, packages: names.PackagesTable, runs: names.RunsTable });
  } finally {
    client.destroy();
    await engine.stop();
  }
}

/** A table as the template declares it, without what the engine does not need. */
function declarationOf(logicalId: string): CreateTableCommandInput {
  const text = readFileSync(new URL('../../resources/tables.yml', import.meta.url), 'utf8');
  const { Resources: resources } = parse(text, { logLevel: 'silent' }) as {
    Resources: Record<string, { Properties: CreateTableCommandInput }>;
  };
  const declared = resources[logicalId]?.Properties;
  if (!declared) throw new Error(`resources/tables.yml has no ${logicalId}`);
  const { BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, TableName } = declared;
  return { TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes };
}
