import { expect, test } from '@jest/globals';
import { SharedTime } from '../../../rehearsal/time/shared-time.ts';
import { VirtualTimer, VirtualTimers } from '../../../rehearsal/time/virtual-timers.ts';

const HOUR = 3_600_000;
const THREAD = 3;

function timeOfAThread(): { shared: SharedTime; timers: VirtualTimers } {
  const shared = new SharedTime(SharedTime.allocate());
  return { shared, timers: new VirtualTimers(shared, THREAD) };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a wait of hours ends with the jump that reaches its end, and no sooner', async () => {
  const { shared, timers } = timeOfAThread();
  const rung: string[] = [];
  new VirtualTimer(timers, () => rung.push('second'), 2 * HOUR, false).unref();
  new VirtualTimer(timers, () => rung.push('first'), HOUR, false).unref();
  await settled();

  shared.jump(HOUR / 2);
  await settled();
  const early = [...rung];
  shared.jump(2 * HOUR);
  await settled();

  expect(early).toEqual([]);
  expect(rung).toEqual(['first', 'second']);
});

test('a thread says when it is due, and that it waits for nothing once its timers are gone', async () => {
  const { shared, timers } = timeOfAThread();
  const before = timers.now();
  const timer = new VirtualTimer(timers, () => {}, HOUR, false).unref();
  await settled();
  const due = shared.dueOf(THREAD) ?? 0;
  timer.close();
  await settled();

  expect(due).toBeGreaterThanOrEqual(before + HOUR);
  expect(due).toBeLessThan(before + 2 * HOUR);
  expect(shared.dueOf(THREAD)).toBeUndefined();
});

test('what repeats goes on after each jump, and is no reason to jump', async () => {
  const { shared, timers } = timeOfAThread();
  let rung = 0;
  const timer = new VirtualTimer(timers, () => rung++, HOUR, true).unref();
  await settled();
  const due = shared.dueOf(THREAD);
  for (const _ of [1, 2]) {
    shared.jump(HOUR + 1);
    await settled();
  }
  timer.close();

  expect(due).toBeUndefined();
  expect(rung).toBe(2);
});
