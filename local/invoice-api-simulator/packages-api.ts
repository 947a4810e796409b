import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Answer, cut, json, problem, write, writeBeginning } from './answers.ts';
import type { Submission } from './books.ts';
import { burstLeft, faultOf, type RequestFault } from './faults.ts';
import type { Operation } from './gate.ts';
import { durationOf } from './random.ts';
import { conflict, refusedCredentials, setQuotaFields, throttled, unavailable } from './refusals.ts';
import type { SimulatedApi } from './simulated-api.ts';

interface Visit {
  api: SimulatedApi;
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  kind: Operation;
  number: number;
  /** Gives the place at the counter back; again does nothing. */
  leave: () => void;
}

const MAXIMUM_BODY_BYTES = 1024 * 1024;
const PAGE_SIZE = 500;
/** A hanging request is cut off in the end, as a gateway in front of the API would do. */
const HANG_MILLISECONDS = 600_000;

/** Answers one request to `/v1/packages`. */
export async function answerPackages(
  api: SimulatedApi,
  request: IncomingMessage,
  response: ServerResponse,
  url: URL,
): Promise<void> {
  const kind = request.method === 'POST' ? 'submit' : url.searchParams.has('period') ? 'list' : 'status';
  const number = api.tally.arrived(kind);
  response.setHeader('x-request-id', `simulated-${number}`);
  const refused = refusedCredentials(api, request);
  if (refused) return finish(api, response, refused);
  const burst = burstLeft(api.draw, api.faults, api.clock.now() - api.startedAt);
  if (burst > 0) {
    api.tally.inflicted('throttleBurst');
    return finish(api, response, throttled(api, { status: 429, retryAfter: burst }));
  }
  // The client of a request that holds a place may have hung up before this one came; its leaving is to be seen first.
  if (api.gate.full) await new Promise((resolve) => setImmediate(resolve));
  const refusal = api.gate.enter(kind, api.clock.now());
  setQuotaFields(api, kind, response);
  if (refusal) return finish(api, response, throttled(api, refusal));

  let inside = true;
  const leave = (): void => {
    if (inside) api.gate.leave(api.clock.now());
    inside = false;
  };
  response.on('close', leave);
  const visit = { api, request, response, url, kind, number, leave } satisfies Visit;
  await (kind === 'submit' ? submit(visit) : read(visit));
}

async function submit(visit: Visit): Promise<void> {
  const { api, request } = visit;
  const body = await bodyOf(request);
  if (!body) return end(visit, problem(413, 'Content Too Large', `A package has at most ${MAXIMUM_BODY_BYTES} bytes.`));
  const key = request.headers['idempotency-key'];
  if (typeof key !== 'string' || !/^[!-~]{1,255}$/.test(key)) {
    return end(
      visit,
      problem(400, 'Bad Request', 'Idempotency-Key is missing or not 1 to 255 visible ASCII characters.'),
    );
  }
  const attempt = api.keys.arrived(key, api.clock.now());
  // Each attempt takes its own time, or a package once drawn too slow would be so for ever.
  const name = attempt === 1 ? key : `${key}#${attempt}`;
  const state = api.keys.stateOf(key, body);
  if (state.kind === 'other-body') {
    api.tally.keysReused += 1;
    return end(visit, problem(422, 'Unprocessable Content', 'This Idempotency-Key came with another body before.'));
  }
  if (state.kind === 'in-flight') return end(visit, conflict(api));
  const fault = attempt > api.faultyAttempts ? undefined : faultOf(api.draw, api.faults, 'submit', key, attempt);
  if (fault && !fault.taken) return deliver(visit, fault, conflict(api), name);
  if (state.kind === 'replay') return replay(visit, state.submission, fault, name);
  return take(visit, { key, name }, body, fault);
}

async function take(
  visit: Visit,
  { key, name }: { key: string; name: string },
  bytes: Buffer,
  fault: RequestFault | undefined,
): Promise<void> {
  const { api } = visit;
  const checked = api.checkBody(bytes.toString('utf8'));
  if (!checked.ok) {
    return end(visit, problem(400, 'Bad Request', 'The body is against the contract.', { errors: checked.faults }));
  }
  const { body } = checked;
  api.keys.begin(key, bytes, api.clock.now());
  const invalid = api.draw('invalid', body.packageId, body.revision) < api.faults.invalid;
  const passed = await latency(visit, name);
  if (invalid || !passed) api.keys.end(key, undefined);
  if (!passed) return;
  if (invalid) {
    api.tally.inflicted('invalid');
    return end(visit, problem(400, 'Bad Request', 'The customer has no valid tax number.'));
  }
  const submission = api.books.take(body, api.clock.now(), api.faults);
  api.keys.end(key, submission);
  return deliver(visit, fault, acceptanceOf(submission), name);
}

async function replay(
  visit: Visit,
  submission: Submission,
  fault: RequestFault | undefined,
  name: string,
): Promise<void> {
  if (!(await latency(visit, name))) return;
  visit.api.books.remind(submission, visit.api.clock.now());
  visit.api.tally.replayed += 1;
  const answer = acceptanceOf(submission);
  return deliver(visit, fault, { ...answer, headers: { ...answer.headers, 'idempotency-replayed': 'true' } }, name);
}

async function read(visit: Visit): Promise<void> {
  const { api, number } = visit;
  if (!(await latency(visit, number))) return;
  const fault = faultOf(api.draw, api.faults, 'read', number);
  return deliver(visit, fault, visit.kind === 'list' ? listing(visit) : statuses(visit), number);
}

function statuses({ api, url }: Visit): Answer {
  const ids = url.searchParams.get('ids')?.split(',') ?? [];
  if (ids.length === 0 || ids.length > 100 || ids.includes('')) {
    return problem(400, 'Bad Request', '`ids` names 1 to 100 packages, separated by commas; or ask for a `period`.');
  }
  return json(200, { packages: api.books.reportsOf(ids, api.clock.now(), api.faults) });
}

function listing({ api, url }: Visit): Answer {
  const period = url.searchParams.get('period') ?? '';
  if (!/^\d{4}-(0[1-9]|1[0-2])-H[12]$/.test(period) || url.searchParams.has('ids')) {
    return problem(400, 'Bad Request', '`period` is written as 2026-11-H1, and comes without `ids`.');
  }
  const cursor = url.searchParams.get('cursor');
  const after = cursor === null ? undefined : Buffer.from(cursor, 'base64url').toString('utf8');
  const { packages, last } = api.books.page(period, after, PAGE_SIZE, api.clock.now(), api.faults);
  return json(200, {
    packages,
    ...(last === undefined ? {} : { nextCursor: Buffer.from(last).toString('base64url') }),
  });
}

/** Waits as long as the profile's answers take. False when the simulator stops meanwhile. */
function latency({ api }: Visit, name: string | number): Promise<boolean> {
  const draw = (purpose: string): number => api.draw('latency', purpose, name);
  return api.clock.pass(durationOf(api.profile.latency, draw) * 1000);
}

async function deliver(
  visit: Visit,
  fault: RequestFault | undefined,
  answer: Answer,
  name: string | number,
): Promise<void> {
  const { api, response, leave } = visit;
  if (!fault) return end(visit, answer);
  if (!fault.taken && !(await latency(visit, name))) return;
  api.tally.inflicted(fault.kind);
  leave();
  switch (fault.kind) {
    case 'unavailable':
      return finish(api, response, unavailable(api, fault.hint));
    case 'conflict':
      return finish(api, response, conflict(api));
    case 'serverError':
      return finish(api, response, problem(500, 'Internal Server Error', 'Something went wrong.'));
    case 'malformedJson':
      return finish(api, response, cut(answer));
    case 'connectionReset':
      api.tally.answered('none');
      response.socket?.resetAndDestroy();
      return;
    case 'slowBody':
      writeBeginning(response, answer);
      return hang(visit);
    case 'timeoutAfterCommit':
      return hang(visit);
  }
}

async function hang({ api, response }: Visit): Promise<void> {
  api.tally.answered('none');
  const closed = new Promise<void>((resolve) => response.on('close', resolve));
  await Promise.race([closed, api.clock.pass(HANG_MILLISECONDS)]);
  response.destroy();
}

function end(visit: Visit, answer: Answer): void {
  visit.leave();
  finish(visit.api, visit.response, answer);
}

function finish(api: SimulatedApi, response: ServerResponse, answer: Answer): void {
  api.tally.answered(answer.status);
  write(response, answer);
}

/** The answer to a submission never changes, so that a replay is the first answer again. */
function acceptanceOf(submission: Submission): Answer {
  const atOnce = submission.settlesAt <= submission.acceptedAt;
  return json(202, { id: submission.packageId, status: atOnce ? submission.settlesAs : 'queued' });
}

/**
 * The whole body, or undefined when it is too long; the rest is then read and forgotten, so that the answer arrives.
 */
async function bodyOf(request: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= MAXIMUM_BODY_BYTES) chunks.push(chunk);
  }
  return bytes <= MAXIMUM_BODY_BYTES ? Buffer.concat(chunks) : undefined;
}
