import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { ConsumedCapacity } from '@aws-sdk/client-dynamodb';

/** Request units, indexes included. */
export interface Units {
  writeUnits: number;
  readUnits: number;
}

/** Stands between DynamoDB and its callers, and adds up what each call consumed. */
export interface CapacityGauge {
  endpoint: string;
  units: Units;
  /** Where calls go on to. */
  target: string;
  stop(): void;
}

const READS = /^(GetItem|BatchGetItem|Query|Scan|TransactGetItems)$/;
const WRITES = /^(PutItem|UpdateItem|DeleteItem|BatchWriteItem|TransactWriteItems)$/;

/** The rest is about the connection, or about the length that changes. */
const PASSED_ON = ['authorization', 'content-type', 'x-amz-date', 'x-amz-target'];

/** Starts a gauge on loopback. A write that its condition refused says nothing of its units and counts as one. */
export async function startCapacityGauge(): Promise<CapacityGauge> {
  const units: Units = { writeUnits: 0, readUnits: 0 };
  const server = createServer(async (request, response) => {
    const operation = String(request.headers['x-amz-target']).split('.')[1] ?? '';
    const isMetered = READS.test(operation) || WRITES.test(operation);
    const body = await text(request);
    const answer = await fetch(gauge.target, {
      method: 'POST',
      headers: Object.fromEntries(PASSED_ON.map((name) => [name, String(request.headers[name])])),
      body: isMetered ? JSON.stringify({ ...JSON.parse(body), ReturnConsumedCapacity: 'TOTAL' }) : body,
    });
    const content = await answer.text();
    if (READS.test(operation)) units.readUnits += consumedIn(content);
    if (WRITES.test(operation)) units.writeUnits += answer.ok ? consumedIn(content) : 1;
    response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(content);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // of a TCP server
  const gauge: CapacityGauge = {
    endpoint: `http://127.0.0.1:${port}`,
    units,
    target: '',
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
  return gauge;
}

/** Of one table, or of each table that the call touched. */
function consumedIn(content: string): number {
  const { ConsumedCapacity: consumed } = JSON.parse(content) as {
    ConsumedCapacity?: ConsumedCapacity | ConsumedCapacity[];
  };
  return [consumed ?? []].flat().reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
}
