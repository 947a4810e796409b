import {
  CreateTableCommand,
  type CreateTableCommandInput,
  DynamoDBClient,
  ResourceInUseException,
  type TimeToLiveSpecification,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { ENGINE_CREDENTIALS } from './credentials.ts';
import type { Stack } from './template/stack.ts';

/** Makes the tables that the template declares; one that is there from an earlier run stays as it is. */
export async function ensureTables(stack: Stack, endpoint: string): Promise<void> {
  const client = new DynamoDBClient({ endpoint, region: stack.region, credentials: ENGINE_CREDENTIALS });
  try {
    await Promise.all(
      stack.resourcesOf('AWS::DynamoDB::Table').map(({ logicalId, properties }) => {
        const name = String(stack.resolve({ Ref: logicalId }));
        return ensureTable(client, { ...properties, TableName: name });
      }),
    );
  } finally {
    client.destroy();
  }
}

async function ensureTable(client: DynamoDBClient, properties: Record<string, unknown>): Promise<void> {
  // The template's properties have CreateTable's names and shapes; what only CloudFormation knows is left out.
  const declared = properties as unknown as CreateTableCommandInput & {
    TimeToLiveSpecification?: TimeToLiveSpecification;
  };
  const { TableName, BillingMode, AttributeDefinitions, KeySchema, GlobalSecondaryIndexes, LocalSecondaryIndexes } =
    declared;
  try {
    await client.send(
      new CreateTableCommand({
        TableName,
        BillingMode,
        AttributeDefinitions,
        KeySchema,
        GlobalSecondaryIndexes,
        LocalSecondaryIndexes,
      }),
    );
  } catch (error) {
    if (error instanceof ResourceInUseException) return;
    throw error;
  }
  const { TimeToLiveSpecification } = declared;
  if (TimeToLiveSpecification) await client.send(new UpdateTimeToLiveCommand({ TableName, TimeToLiveSpecification }));
}
