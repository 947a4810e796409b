import { PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect, test } from '@jest/globals';
import { restoredCalendar } from '../../../lib/quota/calendar.ts';
import { type Reply, type ScriptedApi, type Submission, startDrivenSending } from '../../fixtures/driven-sending.ts';
import { makePackage, testRun } from '../../fixtures/sending.ts';

const DAY = 86_400_000;

test('packages that went back to before they were sent are asked for, and only what the API lacks is sent', async () => {
  const processed: string[] = [];
  const api: ScriptedApi = {
    // It has forgotten every key, so each submission is one more on a bill.
    submitted({ packageId }: Submission, reply: Reply) {
      processed.push(packageId);
      reply(202, { id: packageId, status: 'processed' });
    },
    asked(ids: string[], reply: Reply) {
      const known = ids.filter((id) => processed.includes(id));
      reply(200, { packages: known.map((id) => ({ id, status: 'processed', revision: 1, submission: 1 })) });
    },
  };
  const { sending, tables, drive, states, head, stop } = await startDrivenSending(5, api);
  try {
    const since = sending.clock.now();
    const { Items = [] } = await tables.client.send(new ScanCommand({ TableName: tables.packages }));
    expect(await drive(24)).toBe('done');
    await sending.clock.sleep(2 * DAY);
    for (const Item of Items) await tables.client.send(new PutItemCommand({ TableName: tables.packages, Item }));
    await makePackage(tables, 'never-sent');
    await sending.calendar.change((calendar) => ({
      calendar: restoredCalendar(calendar, sending.settings.quota, { at: sending.clock.now(), since }),
    }));

    expect(await drive(24 * 4, testRun({ runId: 'run-2' }))).toBe('done');

    expect(await states()).toEqual({ processed: 6 });
    expect(processed).toHaveLength(6);
    expect(new Set(processed).size).toBe(6);
    const asked = (await head('never-sent')).attempts.filter(({ outcome }) => outcome === 'missing');
    expect(asked).toHaveLength(2);
  } finally {
    await stop();
  }
});
