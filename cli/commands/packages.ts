import { PACKAGE_STATES, type PackageHead, type PackageState } from '../../lib/packages/package.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { BUCKETS } from '../../lib/store/keys.ts';
import { type OutstandingPackage, OutstandingPackages, positionOf } from '../../lib/store/outstanding-packages.ts';
import { PackageReader } from '../../lib/store/package-reader.ts';
import type { Cloud } from '../connection/cloud.ts';
import type { Context } from '../connection/context.ts';
import { readClientId } from '../packages/package-id.ts';
import { periodOrLast } from '../periods/period-of.ts';
import { WrongUsage } from '../terminal/errors.ts';
import { plural } from '../terminal/words.ts';

interface PackagesOptions {
  status?: string;
  state?: string;
  client?: string;
  limit: number;
}

/** Where a listing of packages has come to. */
export interface PackagePlace {
  state: PackageState;
  clientId: string;
  part: number;
}

/** Which packages are listed, and how they are read. */
export interface PackageListing {
  clientId?: string | undefined;
  /** A package that came before, and the state that it was found in: reading goes on behind it. */
  after?: PackagePlace | undefined;
  /** So many are read in one request; as many as it can hold where all are wanted. */
  atOnce?: number | undefined;
}

const HEADS_AT_ONCE = 100;

/** Lists packages of a period. */
export async function run(context: Context, given: string | undefined, options: PackagesOptions): Promise<undefined> {
  const cloud = await context.cloud();
  const period = periodOrLast(given, cloud, context.output);
  const states = readStates(options.status ?? options.state);
  const heads: PackageHead[] = [];
  let isCut = false;
  for await (const head of packagesOf(cloud, period, states, { clientId: options.client })) {
    isCut = heads.length === options.limit;
    if (isCut) break;
    heads.push(head);
  }
  const packages = heads.map(
    ({ packageId, clientId, part, parts, state, revision, submission, attemptCount, reason, remark }) => {
      return {
        packageId,
        clientId,
        part,
        parts,
        state,
        revision,
        submission,
        attemptCount,
        ...(reason ? { reason } : {}),
        ...(remark ? { remark } : {}),
      };
    },
  );
  context.output.result({ command: 'packages', target: cloud.target, period: period.id, packages, isCut });
  context.output.table(
    [
      { heading: 'package' },
      { heading: 'state' },
      { heading: 'revision', align: 'right' },
      { heading: 'attempts', align: 'right' },
      { heading: 'reason', isProse: true },
    ],
    packages.map((each) => [
      each.packageId,
      each.state,
      String(each.revision),
      String(each.attemptCount),
      each.reason ?? each.remark ?? '',
    ]),
  );
  context.output.line(
    isCut ? `The first ${plural(packages.length, 'package')}; more with --limit.` : plural(packages.length, 'package'),
  );
}

/** Packages of a period in some states; what the index of outstanding ones holds is found through it. */
export async function* packagesOf(
  cloud: Cloud,
  period: Period,
  states: readonly PackageState[],
  { clientId, after, atOnce }: PackageListing = {},
): AsyncGenerator<PackageHead> {
  const reader = new PackageReader(cloud.tables);
  const isWanted = ({ state }: PackageHead) => states.includes(state);
  if (clientId !== undefined) {
    yield* (await reader.headsOfClient(period.id, readClientId(clientId))).filter(isWanted);
    return;
  }
  if (states.includes('processed') || states.includes('rejected')) {
    for await (const head of reader.heads(period.id, { after, atOnce })) if (isWanted(head)) yield head;
    return;
  }
  const outstanding = new OutstandingPackages(cloud.tables);
  for (const state of after ? states.slice(states.indexOf(after.state)) : states) {
    const position = after?.state === state ? positionOf(period.id, state, after.clientId, after.part) : undefined;
    let some: OutstandingPackage[] = [];
    const load = async () => inOrderOf(some, await outstanding.heads(period.id, some)).filter(isWanted);
    for await (const each of outstanding.inState(
      { periodId: period.id, buckets: { from: 0, to: BUCKETS - 1 } },
      state,
      position,
      atOnce,
    )) {
      some.push(each);
      if (some.length < HEADS_AT_ONCE) continue;
      yield* await load();
      some = [];
    }
    if (some.length > 0) yield* await load();
  }
}

/** A batch of heads comes in any order. */
function inOrderOf(found: readonly OutstandingPackage[], heads: readonly PackageHead[]): PackageHead[] {
  const byId = new Map(heads.map((head) => [head.packageId, head]));
  return found.flatMap(({ packageId }) => byId.get(packageId) ?? []);
}

function readStates(given: string | undefined): readonly PackageState[] {
  if (given === undefined) return PACKAGE_STATES;
  const states = given.split(',').map((text) => text.trim());
  const unknown = states.find((state) => !PACKAGE_STATES.some((known) => known === state));
  if (unknown !== undefined) throw new WrongUsage(`"${unknown}" is no state: ${PACKAGE_STATES.join(', ')}.`);
  return PACKAGE_STATES.filter((state) => states.includes(state));
}
