import { readFileSync } from 'node:fs';
import { CORRECTION_SOURCE, type Correction, correctionOfDay, correctionOfEvent } from '../../lib/events/correction.ts';
import { hexOfIdentity, identityOf } from '../../lib/events/identity.ts';
import { readMessage } from '../../lib/events/message.ts';
import type { Day } from '../../lib/periods/days.ts';
import { type PeriodId, periodIdOfDay } from '../../lib/periods/periods.ts';
import { InterventionStore } from '../../lib/store/intervention-store.ts';
import { readIdentities } from '../../lib/store/usage-identities.ts';
import { readUsageSoFar } from '../../lib/store/usage-reader.ts';
import type { Cloud } from '../connection/cloud.ts';
import { CommandFailed, WrongUsage } from '../terminal/errors.ts';
import { proofOf } from './client-evidence.ts';

/** What is said to be wrong, in the words of the options. */
export interface WrongUsageNamed {
  source?: string;
  id?: string;
  event?: string;
  meter?: string;
  from?: string;
  to?: string;
}

/** What takes it back, and what has become of it before. */
export interface FoundCorrections {
  corrections: Correction[];
  /** Of those, the ids of which usage slices hold the effect already. */
  counted: Set<string>;
}

/** So long a message may be on its way (`lib/usage/usage-slices.ts`). */
const ON_ITS_WAY_MILLISECONDS = 15 * 86_400_000;

/**
 * Finds what takes back an event, or the totals of days.
 * @throws WrongUsage, CommandFailed saying what is not known and what would help
 */
export async function findCorrections(
  cloud: Cloud,
  clientId: string,
  periodId: PeriodId,
  named: WrongUsageNamed,
): Promise<FoundCorrections> {
  const held = await readIdentities(cloud.tables, clientId, periodId);
  const isHeld = (day: Day, id: string) =>
    held.get(day)?.has(hexOfIdentity(identityOf(CORRECTION_SOURCE, id))) === true;
  const earlier = await earlierCorrections(cloud, clientId, periodId);
  const corrections = await correctionsOf(cloud, clientId, periodId, named, held);
  for (const correction of corrections) {
    refuseBeside(correction, earlier, isHeld);
    const { day, origin } = correction;
    const sent = earlier.find(({ id }) => id === origin.id);
    if (sent?.isOld && !isHeld(day, origin.id)) {
      throw new CommandFailed(
        'CORRECTED_LONG_AGO',
        `This was corrected at ${sent.at}, and whether that was counted is not known any more: nothing was sent.`,
      );
    }
  }
  const counted = corrections.filter(({ day, origin }) => isHeld(day, origin.id));
  return { corrections, counted: new Set(counted.map(({ origin }) => origin.id)) };
}

/** A correction that somebody asked for: what the record of it names. */
interface EarlierCorrection {
  id: string;
  kind: string;
  day: Day;
  /** The meter of a day; the identity of an event. */
  what: string;
  at: string;
  /** So long ago that it is on its way no more. */
  isOld: boolean;
}

async function earlierCorrections(
  { tables }: Cloud,
  clientId: string,
  periodId: PeriodId,
): Promise<EarlierCorrection[]> {
  const interventions = await new InterventionStore(tables).list(periodId);
  return interventions
    .filter(({ kind }) => kind === 'correct')
    .flatMap(({ at, subjects }) => {
      const isOld = Date.parse(at) < Date.now() - ON_ITS_WAY_MILLISECONDS;
      return subjects.flatMap((id) => {
        const [kind = '', client, day = '', what = ''] = id.split(' ');
        return client === clientId ? [{ id, kind, day, what, at, isOld }] : [];
      });
    });
}

/**
 * Usage must not be taken back twice, once as an event and once with its day.
 * @throws CommandFailed
 */
function refuseBeside(
  { origin, day, meter }: Correction,
  earlier: readonly EarlierCorrection[],
  isHeld: (day: Day, id: string) => boolean,
): void {
  const ofDay = earlier.filter((each) => each.day === day && each.id !== origin.id);
  const underWay = ofDay.find(({ id, isOld }) => !isOld && !isHeld(day, id));
  if (underWay) {
    throw new CommandFailed(
      'CORRECTION_UNDER_WAY',
      `A correction of ${day} from ${underWay.at} is not counted yet (${underWay.id}). Wait until it is, then look again.`,
    );
  }
  const whole = ofDay.find(({ kind, what }) => kind === 'day' && what === meter);
  if (origin.id.startsWith('event ') && whole) {
    throw new CommandFailed(
      'DAY_CORRECTED',
      `All ${meter} of ${day} was taken back at ${whole.at}: this event's effect may be gone with it. ` +
        'Take back what is left of the day, with --meter and --from.',
    );
  }
}

function correctionsOf(
  cloud: Cloud,
  clientId: string,
  periodId: PeriodId,
  { source, id, event, meter, from, to }: WrongUsageNamed,
  held: ReadonlyMap<Day, ReadonlySet<string>>,
): Promise<Correction[]> {
  const ways = [source !== undefined || id !== undefined, event !== undefined, meter !== undefined];
  if (ways.filter(Boolean).length !== 1 || (source === undefined) !== (id === undefined)) {
    throw new WrongUsage(
      'What is wrong? An event by --source and --id, an event as it was sent by --event FILE, or days of a meter by ' +
        '--meter, --from and --to.',
    );
  }
  if (source !== undefined && id !== undefined) return ofArchivedEvent(cloud, clientId, periodId, source, id);
  if (event !== undefined) return ofEventInFile(cloud, clientId, event, held);
  if (from === undefined) throw new WrongUsage('--meter needs --from DAY: the first day that is wrong.');
  return ofDays(cloud, clientId, periodId, { meter: meter ?? '', from, to: to ?? from });
}

async function ofArchivedEvent(
  cloud: Cloud,
  clientId: string,
  periodId: PeriodId,
  source: string,
  id: string,
): Promise<Correction[]> {
  if (!(await cloud.archive())) {
    throw new CommandFailed(
      'NO_ARCHIVE',
      'Usage slices know that an event was counted, not how much it said, and this stage keeps no archive: give the ' +
        'event as it was sent, with --event FILE.',
    );
  }
  const { evidence } = await proofOf(cloud, clientId, periodId);
  const found = evidence.events.filter((event) => event.source === source && event.id === id);
  if (found.length === 0) {
    throw new CommandFailed(
      'EVENT_NOT_COUNTED',
      `The archive has no counted event ${source} ${id} of ${clientId} in ${periodId}: nothing to take back. ` +
        `See what there is: npx halfmonth evidence ${clientId} ${periodId}`,
    );
  }
  return found.map(({ identity, day, time, meter, quantity }) =>
    correctionOfEvent({ identity, clientId, day, time, meter, quantity }),
  );
}

async function ofEventInFile(
  { calendar, tables }: Cloud,
  clientId: string,
  file: string,
  held: ReadonlyMap<Day, ReadonlySet<string>>,
): Promise<Correction[]> {
  const { events, rejected } = readMessage(readFileSync(file, 'utf8'), { oldest: 0, newest: Date.now() });
  const [event] = events;
  if (rejected[0]) throw new WrongUsage(`${file} holds no event that could have been counted: ${rejected[0].message}`);
  if (!event || events.length > 1) throw new WrongUsage(`${file} must hold one event, as it was sent.`);
  if (event.clientId !== clientId)
    throw new WrongUsage(`${file} holds an event of ${event.clientId}, not ${clientId}.`);
  const day = calendar.dayOf(event.instant);
  const identity = hexOfIdentity(event.identity);
  if (!held.get(day)?.has(identity)) throw await notHeld(tables, clientId, day, held);
  const { meter, quantity } = event;
  return [correctionOfEvent({ identity, clientId, day, time: new Date(event.instant).toISOString(), meter, quantity })];
}

async function notHeld(
  tables: Cloud['tables'],
  clientId: string,
  day: Day,
  held: ReadonlyMap<Day, ReadonlySet<string>>,
): Promise<CommandFailed> {
  const { days } = await readUsageSoFar(tables, clientId, periodIdOfDay(day));
  const counted = days.find((each) => each.day === day)?.events ?? 0;
  if ((held.get(day)?.size ?? 0) >= counted) {
    return new CommandFailed(
      'EVENT_NOT_COUNTED',
      `No such event of ${clientId} was counted on ${day}: nothing to take back.`,
    );
  }
  return new CommandFailed(
    'IDENTITIES_EXPIRED',
    `Identities of ${day} have expired, so nothing here knows whether this event was counted: it needs the archive ` +
      '(archive.enabled), with --source and --id. Without one, take back the day: --meter and --from.',
  );
}

async function ofDays(
  { tables, calendar }: Cloud,
  clientId: string,
  periodId: PeriodId,
  { meter, from, to }: { meter: string; from: Day; to: Day },
): Promise<Correction[]> {
  const { days } = await readUsageSoFar(tables, clientId, periodId);
  const wrong = days.filter(({ day, totals }) => day >= from && day <= to && (totals[meter] ?? '0') !== '0');
  if (wrong.length === 0) {
    throw new CommandFailed(
      'NOTHING_COUNTED',
      `${clientId} has no ${meter} from ${from} to ${to} in ${periodId}: nothing to take back.`,
    );
  }
  return wrong.map(({ day, totals, events }) => {
    const time = new Date(calendar.startOfDay(day)).toISOString();
    return correctionOfDay({ clientId, day, time, meter, quantity: totals[meter] ?? '0', events });
  });
}
