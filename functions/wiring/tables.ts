import { createDynamoDbClient, type DynamoDBClient } from '../../lib/store/dynamodb-client.ts';
import type { Tables, TablesWith } from '../../lib/store/tables.ts';
import type { Variables } from './variables.ts';

/** The variable that says a table's name. */
const VARIABLE_OF = {
  usageSlices: 'USAGE_SLICES_TABLE',
  dailyRecords: 'DAILY_RECORDS_TABLE',
  packages: 'PACKAGES_TABLE',
  runs: 'RUNS_TABLE',
} as const satisfies Record<Exclude<keyof Tables, 'client'>, string>;

type TableName = keyof typeof VARIABLE_OF;
/** The tables whose variables were read. */
type NamedIn<Read> = { [Name in TableName]: (typeof VARIABLE_OF)[Name] extends keyof Read ? Name : never }[TableName];

let shared: DynamoDBClient | undefined;

function sharedClient(): DynamoDBClient {
  shared ??= createDynamoDbClient();
  return shared;
}

/**
 * The tables that a function's variables name.
 * @param client absent: the one client of this process, whose connections all share
 */
export function tablesOf<Read extends Partial<Variables<(typeof VARIABLE_OF)[TableName]>>>(
  read: Read,
  client = sharedClient(),
): TablesWith<NamedIn<Read>> {
  const named = Object.entries(VARIABLE_OF).flatMap(([name, variable]) =>
    read[variable] ? [[name, read[variable]]] : [],
  );
  // The variables that were read are those of the tables in the type.
  return { client, ...Object.fromEntries(named) } as TablesWith<NamedIn<Read>>;
}
