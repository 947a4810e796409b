import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';
import { BillingCalendar } from '../../lib/periods/days.ts';
import { daysOfPeriod, lastEndedPeriod } from '../../lib/periods/periods.ts';
import { type LocalCloud, startLocalCloud } from '../../local/cloud/local-cloud.ts';
import { startInvoiceApiSimulator } from '../../local/invoice-api-simulator/simulator.ts';
import { packageService } from '../../local/packaging/package-service.ts';
import { invoiceApiEnvironment, TOKEN_PARAMETER } from '../../local/start/invoice-api-environment.ts';
import { benchClient } from '../package/bench-tables.ts';
import { populate } from '../package/populate.ts';
import { startCapacityGauge, type Units } from './capacity-gauge.ts';

const USAGE = `node bench/cost/package-units.ts [--clients 10,40] [--slices-per-day 288] [--json]

What a package uses of DynamoDB and Lambda from its slices to its processing: two whole runs of the packaged service on
the local cloud, against the simulated invoice API. The difference of the two is what more packages use; the rest is the
run's own.`;

/** What a whole run used. */
interface RunUnits extends Units {
  packages: number;
  /** On this machine. */
  lambdaGigabyteSeconds: number;
  lambdaRequests: number;
}

const { values: options } = parseArgs({
  options: {
    clients: { type: 'string', default: '10,40' },
    'slices-per-day': { type: 'string', default: '288' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (options.help) console.log(USAGE);
else await bench();

async function bench(): Promise<void> {
  const [few = 10, many = 40] = options.clients.split(',').map(Number);
  const slicesPerDay = Number(options['slices-per-day']);
  const [small, large] = [await measuredRun(few, slicesPerDay), await measuredRun(many, slicesPerDay)];
  const perPackage = (name: keyof RunUnits) => (large[name] - small[name]) / (large.packages - small.packages);
  const result = {
    slicesPerDay,
    runs: [small, large],
    writeUnitsPerPackage: perPackage('writeUnits'),
    readUnitsPerPackage: perPackage('readUnits'),
    lambdaGigabyteSecondsPerPackage: perPackage('lambdaGigabyteSeconds'),
    writeUnitsPerRun: small.writeUnits - perPackage('writeUnits') * small.packages,
    readUnitsPerRun: small.readUnits - perPackage('readUnits') * small.packages,
  };
  console.log(options.json ? JSON.stringify(result) : result);
}

/** Fills a period for so many clients and closes it. */
async function measuredRun(clients: number, slicesPerDay: number): Promise<RunUnits> {
  const period = lastEndedPeriod(Date.now(), new BillingCalendar('UTC', 5));
  const gauge = await startCapacityGauge();
  const api = await startInvoiceApiSimulator({ profile: 'perfect', seed: 1 });
  const used = { lambdaGigabyteSeconds: 0, lambdaRequests: 0 };
  const choice = { kind: 'simulator', profile: 'perfect', seed: 1 } as const;
  const memory = new Map<string, number>();
  const cloud = await startLocalCloud({
    packageFolder: await packageService({ stage: 'local' }),
    environmentOverrides: {
      ...invoiceApiEnvironment(api.url, { invoiceApi: choice }),
      AWS_ENDPOINT_URL_DYNAMODB: gauge.endpoint,
    },
    parameters: { [TOKEN_PARAMETER]: 'token-of-the-simulator' },
    transformTemplate(template) {
      for (const { Type, Properties = {} } of Object.values(template.Resources)) {
        if (Type === 'AWS::Lambda::Function')
          memory.set(String(Properties.FunctionName), Number(Properties.MemorySize));
      }
      return template;
    },
    observer: {
      onInvocation({ functionName, durationMilliseconds }) {
        used.lambdaRequests++;
        used.lambdaGigabyteSeconds += ((memory.get(functionName) ?? 0) / 1024) * (durationMilliseconds / 1000);
      },
    },
  });
  gauge.target = cloud.engineEndpoint;
  const client = benchClient(cloud.engineEndpoint);
  const table = (name: string) => String(cloud.outputs[`${name}TableName`]);
  try {
    const tables = {
      endpoint: cloud.engineEndpoint,
      usageSlices: table('UsageSlices'),
      dailyRecords: table('DailyRecords'),
      packages: table('Packages'),
      runs: table('Runs'),
    };
    await populate(client, tables, period, clients * daysOfPeriod(period).length, false, slicesPerDay);
    await closePeriod(cloud, period.id);
    return { packages: clients, ...gauge.units, ...used };
  } finally {
    client.destroy();
    await cloud.stop();
    await api.stop();
    gauge.stop();
  }
}

async function closePeriod({ endpoints, region, credentials, outputs }: LocalCloud, period: string): Promise<void> {
  const sfn = new SFNClient({ endpoint: endpoints.stepFunctions, region, credentials });
  const stateMachineArn = String(outputs.BillingPeriodStateMachineArn);
  try {
    const input = JSON.stringify({ period });
    const { executionArn } = await sfn.send(new StartExecutionCommand({ stateMachineArn, input }));
    for (;;) {
      const { status, cause } = await sfn.send(new DescribeExecutionCommand({ executionArn }));
      if (status === 'SUCCEEDED') return;
      if (status !== 'RUNNING') throw new Error(`the run ended as ${status}: ${cause}`);
      await delay(250);
    }
  } finally {
    sfn.destroy();
  }
}
