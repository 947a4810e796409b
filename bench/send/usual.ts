import type { StateMachineDefinition } from 'aws-local-stepfunctions';
import { bodyOf, contentOf, documentText, linesOf } from '../../lib/packages/document.ts';
import { idempotencyKeyOf, packageIdOf } from '../../lib/packages/package.ts';
import { periodOf } from '../../lib/periods/periods.ts';
import type { ProfileName } from '../../local/invoice-api-simulator/profiles.ts';
import { BENCH_PROFILES, concurrencyOf, idealSeconds } from './bench-profiles.ts';
import { JumpingClock } from './jumping-clock.ts';
import { startMeasuredApi } from './measured-api.ts';
import { measurementOf, type SendMeasurement } from './measurement.ts';
import { runMachine } from './sending-machine.ts';

const LAMBDA_GIGABYTES = 0.25;
const POLL_MILLISECONDS = 30_000;
/** `Retry` as the documentation of Step Functions shows it, with a long breath. */
const RETRY = { IntervalSeconds: 2, BackoffRate: 2, MaxDelaySeconds: 120, MaxAttempts: 1_000, JitterStrategy: 'FULL' };
/** The pattern can take days of the API's time at full speed; longer than this of ours, and the bench stops it. */
const LONGEST_WALL_MILLISECONDS = 100_000;

/** One Task a package, retried by Step Functions, then a poll a package. */
function usualDefinition(concurrency: number): StateMachineDefinition {
  const task = (name: string, next: string) => ({
    Type: 'Task',
    Resource: `arn:aws:lambda:eu-central-1:000000000000:function:${name}`,
    // One more than counted, so that giving up is ours to say and not the engine's.
    Retry: [{ ErrorEquals: ['TryAgain'], ...RETRY, MaxAttempts: RETRY.MaxAttempts + 2 }],
    Next: next,
  });
  // The engine's own type wants each state spelled out.
  return {
    StartAt: 'SendPackages',
    States: {
      SendPackages: {
        Type: 'Map',
        ItemsPath: '$.clients',
        MaxConcurrency: concurrency,
        ItemProcessor: {
          StartAt: 'SendPackage',
          States: {
            SendPackage: task('SendPackage', 'WaitForProcessing'),
            WaitForProcessing: { Type: 'Wait', Seconds: POLL_MILLISECONDS / 1000, Next: 'CheckPackage' },
            CheckPackage: task('CheckPackage', 'PackageChecked'),
            PackageChecked: {
              Type: 'Choice',
              Choices: [
                { Variable: '$.status', StringEquals: 'pending', Next: 'WaitForProcessing' },
                { Variable: '$.status', StringEquals: 'unprocessed', Next: 'SendPackage' },
              ],
              Default: 'PackageDone',
            },
            PackageDone: { Type: 'Succeed' },
          },
        },
        End: true,
      },
    },
  } as unknown as StateMachineDefinition;
}

interface ItemState {
  clientId: string;
  submission: number;
  status: 'new' | 'pending' | 'unprocessed' | 'final' | 'gave-up';
}

class TryAgain extends Error {
  override readonly name = 'TryAgain';
}

/** Sends in the usual way: a Map with MaxConcurrency, Retry with backoff on a 429, a status poll for each package. */
export async function measureUsual(profile: ProfileName, seed: number): Promise<SendMeasurement> {
  const { packages: count } = BENCH_PROFILES[profile];
  const period = periodOf('2026-11-H1');
  const clock = new JumpingClock();
  const { api, report, lastAcceptedAt, stop } = await startMeasuredApi(profile, seed, clock);
  const lambda = { milliseconds: 0, calls: 0 };
  const failures = new Map<string, number>();
  let retries = 0;
  const wallStart = performance.now();
  const isTooLong = () => performance.now() - wallStart > LONGEST_WALL_MILLISECONDS;

  /** A Task: the wait before it (a Wait state, or what Retry waits), then the Lambda. */
  const task =
    (name: string, waitFirst: number, work: (item: ItemState) => Promise<ItemState>) =>
    async (input: unknown): Promise<ItemState> => {
      const item: ItemState =
        typeof input === 'string' ? { clientId: input, submission: 1, status: 'new' } : (input as ItemState);
      if (isTooLong()) return { ...item, status: item.status === 'final' ? 'final' : 'gave-up' };
      const key = `${name} ${item.clientId} ${item.submission}`;
      const failed = failures.get(key) ?? 0;
      // Here the Map would fail with all its items; this way the others are still measured.
      if (failed > RETRY.MaxAttempts) return { ...item, status: 'gave-up' };
      const backoff = Math.min(RETRY.MaxDelaySeconds, RETRY.IntervalSeconds * RETRY.BackoffRate ** (failed - 1));
      await clock.sleep(failed === 0 ? waitFirst : backoff * Math.random() * 1000);
      const startedAt = clock.now();
      try {
        const result = await work(item);
        failures.delete(key);
        return result;
      } catch (error) {
        failures.set(key, failed + 1);
        retries += 1;
        throw error;
      } finally {
        lambda.milliseconds += clock.now() - startedAt;
        lambda.calls += 1;
      }
    };

  const sendPackage = async (item: ItemState): Promise<ItemState> => {
    const submission = item.status === 'unprocessed' ? item.submission + 1 : item.submission;
    const lines = linesOf([{ day: period.from, totals: { api_calls: '12.5' }, events: 1 }]);
    const content = contentOf(item.clientId, period, 'UTC', lines, { number: 1, of: 1 });
    const outcome = await api.submit({
      idempotencyKey: idempotencyKeyOf(packageIdOf(period.id, item.clientId, 1), 1, submission),
      body: bodyOf(documentText(content, 1, 1), submission),
    });
    if (outcome.kind === 'accepted') return { ...item, submission, status: 'pending' };
    if (outcome.kind === 'invalid') return { ...item, submission, status: 'final' };
    throw new TryAgain('reason' in outcome ? outcome.reason : outcome.kind);
  };
  const checkPackage = async (item: ItemState): Promise<ItemState> => {
    if (item.status === 'final') return item;
    const outcome = await api.statusOf([packageIdOf(period.id, item.clientId, 1)]);
    if (outcome.kind !== 'listed') throw new TryAgain(outcome.reason);
    const status = outcome.packages[0]?.status;
    if (status === 'processed' || status === 'rejected') return { ...item, status: 'final' };
    return { ...item, status: status === 'unprocessed' ? 'unprocessed' : 'pending' };
  };

  const startedAt = clock.now();
  const clients = Array.from({ length: count }, (_, index) => `client-${String(index + 1).padStart(4, '0')}`);
  try {
    const { output, transitions } = await runMachine(
      usualDefinition(concurrencyOf(profile)),
      { SendPackage: task('send', 0, sendPackage), CheckPackage: task('check', POLL_MILLISECONDS, checkPackage) },
      { clients },
      {
        waitTimeOverrides: { WaitForProcessing: 0 },
        retryIntervalOverrides: { SendPackage: 0, CheckPackage: 0 },
      },
    );
    const unknown = (output as ItemState[]).filter(({ status }) => status !== 'final').length;
    return measurementOf(
      {
        packages: count,
        seconds: (clock.now() - startedAt) / 1000,
        sentSeconds: (lastAcceptedAt() - startedAt) / 1000,
        idealSeconds: idealSeconds(profile),
        unknown,
        transitions: transitions + retries,
        lambdaSeconds: lambda.milliseconds / 1000,
        lambdaCalls: lambda.calls,
        lambdaGigabytes: LAMBDA_GIGABYTES,
        lambdaWaitSeconds: 0,
        finished: unknown === 0,
      },
      report(),
    );
  } finally {
    clock.stop();
    await stop();
  }
}
