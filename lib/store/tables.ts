import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';

/** The service's tables: the client that reaches them, and the name of each. */
export interface Tables {
  client: DynamoDBClient;
  usageSlices: string;
  dailyRecords: string;
  packages: string;
  runs: string;
}

/** What a store needs of the tables: those that it names, so that a function has to know no others. */
export type TablesWith<Name extends Exclude<keyof Tables, 'client'>> = Pick<Tables, 'client' | Name>;
