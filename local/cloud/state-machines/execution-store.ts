import { appendFileSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { HistoryEvent } from './history.ts';

/** The statuses of an execution. */
export type ExecutionStatus = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'TIMED_OUT' | 'ABORTED';

/** What is kept of an execution besides its history. */
export interface ExecutionRecord {
  name: string;
  executionArn: string;
  stateMachineArn: string;
  /** JSON text. */
  input: string;
  status: ExecutionStatus;
  /** Milliseconds since the epoch, like every date here. */
  startDate: number;
  stopDate?: number | undefined;
  /** JSON text. */
  output?: string | undefined;
  error?: string | undefined;
  cause?: string | undefined;
  redriveCount: number;
  redriveDate?: number | undefined;
  redriveToken?: string | undefined;
  /** The outermost state that it is in, or was in when it ended, with that state's input. */
  currentState?: { name: string; input: unknown } | undefined;
}

/** Keeps executions; with a folder, one JSON file for each and one line a history event beside it. */
export class ExecutionStore {
  readonly #folder: string | undefined;
  readonly #histories = new Map<string, HistoryEvent[]>();

  constructor(folder?: string) {
    this.#folder = folder;
    if (folder) mkdirSync(folder, { recursive: true });
  }

  /** Every execution of earlier runs. */
  load(): ExecutionRecord[] {
    const folder = this.#folder;
    if (!folder) return [];
    return readdirSync(folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')) as ExecutionRecord); // written by save
  }

  save(record: ExecutionRecord): void {
    const file = this.#fileOf(record.name, '.json');
    if (!file) return;
    // Renamed into place: a crash leaves the old record or the new one, never half of it.
    writeFileSync(`${file}.new`, JSON.stringify(record));
    renameSync(`${file}.new`, file);
  }

  append(name: string, events: HistoryEvent[]): void {
    if (events.length === 0) return;
    this.history(name).push(...events);
    const file = this.#fileOf(name, '.history.ndjson');
    if (file) appendFileSync(file, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  }

  history(name: string): HistoryEvent[] {
    const known = this.#histories.get(name);
    if (known) return known;
    const history = this.#read(name);
    this.#histories.set(name, history);
    return history;
  }

  #read(name: string): HistoryEvent[] {
    const file = this.#fileOf(name, '.history.ndjson');
    if (!file || !existsSync(file)) return [];
    const lines = readFileSync(file, 'utf8').split('\n');
    // The last line is empty, or torn by a crash in the middle of writing it.
    return lines.slice(0, -1).map((line) => JSON.parse(line) as HistoryEvent); // written by append
  }

  #fileOf(name: string, ending: string): string | undefined {
    return this.#folder && join(this.#folder, `${encodeURIComponent(name)}${ending}`);
  }
}
