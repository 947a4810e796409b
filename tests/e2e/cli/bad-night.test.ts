import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { type CommandLineWorld, type CommandResult, startCommandLineWorld } from '../../fixtures/command-line.ts';

/**
 * The worst night, played against the local cloud: events still in the queue, a wrong token, an API that hangs up,
 * customers that it does not know, usage that comes late. The operator here knows nothing but what the command line
 * prints: every command that is called was read from its output, and only words in capitals are filled in.
 */
const CLIENTS = ['acme', 'globex', 'hooli', 'initech', 'stark', 'umbrella', 'wayne', 'tyrell'];
const RIGHT_TOKEN = 'token-of-tonight';
const MOST_COMMANDS = 40;
/** An operator who sees nothing move stops watching and asks for the status again. */
const PATIENCE_MILLISECONDS = 20_000;

let world: CommandLineWorld;
let sqs: SQSClient;
let id: string;
beforeAll(async () => {
  world = await startCommandLineWorld();
  const { region, credentials, endpoints } = world.cloud;
  sqs = new SQSClient({ region, credentials, endpoint: endpoints.sqs });
  id = world.period.id;
}, 300_000);
afterAll(async () => {
  sqs?.destroy();
  await world?.stop();
});

/** The commands that an output proposes, in its order, each once. */
function proposedIn({ stdout, stderr }: CommandResult): string[] {
  const found = `${stdout}\n${stderr}`.matchAll(/npx halfmonth ([a-z][^\n"]*?)(?=[.;,)]?(?:\s\(|\n|$)|, npx)/g);
  return [...new Set([...found].map(([, words = '']) => words.trim()))];
}

/** What of a command's words a person has to fill in. */
function filledIn(proposed: string, output: string): string[] {
  const ids = [...new Set(output.match(new RegExp(`${id}\\.[a-z]+`, 'g')) ?? [])];
  return proposed
    .split(/\s+/)
    .flatMap((word) => (word === 'ID...' ? ids : word === 'TEXT' ? ['the cause is mended'] : [word]));
}

function isUnblock(words: readonly string[]): boolean {
  return words[0] === 'quota' && words.includes('--unblock');
}

/** What happens outside while the operator works: causes are mended, and new ones come. */
class Night {
  readonly called: string[] = [];
  #outage = 'token';
  #unblocks = 0;

  /** Calls what was proposed; where nobody can be asked, the tool says how to say yes. */
  async call(words: readonly string[]): Promise<CommandResult> {
    this.called.push(words.join(' '));
    const stdin = words[0] === 'token' ? `${RIGHT_TOKEN}\n` : '';
    const patience = words[0] === 'watch' ? { patienceMilliseconds: PATIENCE_MILLISECONDS } : {};
    const first = await world.halfmonth(words, { stdin, ...patience });
    if (first.exitCode !== 2 || !first.stderr.includes('give --yes')) return first;
    return world.halfmonth([...words, '--yes'], { stdin });
  }

  /** Hasty operators lift the block before the cause is mended; it is mended when they have to do so again. */
  #isMendedBefore(words: readonly string[]): boolean {
    if (isUnblock(words)) this.#unblocks += 1;
    return this.#unblocks > 1 || words.join(' ').startsWith('parked release');
  }

  /** The wrong token is found first, then the API hangs up, then it does not know some customers, then all is well. */
  goOn(words: readonly string[]): void {
    if (words[0] === 'token' && this.#outage === 'token') {
      this.#outage = 'hangs up';
      world.api.setFaults({ connectionReset: 1 });
    } else if (this.#outage === 'hangs up' && this.#isMendedBefore(words)) {
      this.#outage = 'unknown customers';
      world.api.setFaults({ connectionReset: 0, invalid: 0.4 });
    } else if (words.includes('--rejected') && this.#outage === 'unknown customers') {
      this.#outage = 'none';
      world.api.setFaults({ invalid: 0 });
    }
  }

  /** Lifts a block where the output says how, once its cause is mended. */
  async unblock(said: CommandResult): Promise<void> {
    for (const step of proposedIn(said).filter((words) => isUnblock(words.split(' ')))) {
      this.goOn(step.split(' '));
      await this.call(filledIn(step, said.stdout));
    }
  }

  /** Does what status says until it says that nothing is open. */
  async putRight(): Promise<CommandResult> {
    const most = this.called.length + MOST_COMMANDS;
    let output = await this.call(['status', id]);
    while (this.called.length < most) {
      for (const step of proposedIn(output).filter((words) => !words.startsWith('status'))) {
        const said = await this.call(filledIn(step, ''));
        this.goOn(step.split(' '));
        await this.unblock(said);
        if (step.startsWith('certificate')) return said;
        const release = step.startsWith('parked ') && !step.startsWith('parked release');
        if (!release) continue;
        for (const next of proposedIn(said).filter((words) => words.startsWith('parked release'))) {
          this.goOn(next.split(' '));
          await this.call(filledIn(next, said.stdout));
        }
      }
      output = await this.call(['status', id]);
    }
    throw new Error(`not put right by ${this.called.join('\n')}\n${output.stdout}`);
  }
}

test('a bad night is put right with the commands that the tool proposed, and nobody is billed twice', async () => {
  const night = new Night();
  world.api.setToken(RIGHT_TOKEN);
  await world.count(CLIENTS.map((client) => world.event(client, '10')));
  const MessageBody = JSON.stringify(world.event('acme', '5'));
  const QueueUrl = world.cloud.outputs.EventsQueueUrl;
  await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody, DelaySeconds: 5 }));

  const verified = await night.putRight();

  expect(verified).toMatchObject({ exitCode: 0, stdout: expect.stringContaining('agrees line by line') });
  const { certificate } = await world.json(['certificate', id]);
  expect(certificate).toMatchObject({
    queue: { waiting: 0 },
    packages: { total: CLIENTS.length, processed: CLIENTS.length },
    billed: { lastProcessed: { api_calls: '85' } },
  });
  // Whether an operator meets the block in `status` or in `watch` depends on the moment; these steps are on every way.
  expect(night.called).toEqual(
    expect.arrayContaining([
      ...[`run ${id}`, 'token --put', `watch ${id}`, 'quota --unblock --reason the cause is mended'],
      `certificate ${id} --verify`,
    ]),
  );
  expect(night.called.filter((words) => words.startsWith('parked release'))).not.toHaveLength(0);
  expect(world.api.report().acceptedTwice).toBe(0);

  // Usage that comes after the close.
  await world.count([world.event('globex', '2.5')]);
  const again = await night.putRight();

  expect(again.exitCode).toBe(0);
  const totals = Object.values(world.api.totalsByClient()).map((client) => Number(client.api_calls));
  expect(totals.reduce((sum, total) => sum + total, 0)).toBe(87.5);
  expect(world.api.report().acceptedTwice).toBe(0);
}, 600_000);
