import { type HistoryEvent, paginateGetExecutionHistory, type SFNClient } from '@aws-sdk/client-sfn';
import dagre from '@dagrejs/dagre';
import { html, raw } from 'hono/html';
import * as z from 'zod';
import type { Markup } from './layout.ts';

const stateSchema = z.looseObject({
  Type: z.string(),
  Comment: z.string().optional(),
  Next: z.string().optional(),
  Default: z.string().optional(),
  Choices: z.array(z.looseObject({ Next: z.string() })).optional(),
  ItemProcessor: z.unknown().optional(),
});
const machineSchema = z.looseObject({ StartAt: z.string(), States: z.record(z.string(), stateSchema) });

type Machine = z.infer<typeof machineSchema>;

/** One state as it stands in the picture. */
interface DrawnState {
  name: string;
  type: string;
  /** The Map that it is in. */
  parent: string | undefined;
}

interface Graph {
  states: DrawnState[];
  arrows: { from: string; to: string }[];
}

/** What an execution has done so far, by state. */
export interface Progress {
  /** How often each state was entered. */
  entered: ReadonlyMap<string, number>;
  /** The states that it is in. */
  current: ReadonlySet<string>;
  failed: ReadonlySet<string>;
}

/** States and arrows of a definition in Amazon States Language, the inner ones of a Map with it. */
export function graphOf(definition: string): Graph {
  const graph: Graph = { states: [], arrows: [] };
  collect(machineSchema.parse(JSON.parse(definition)), undefined, undefined, graph);
  return graph;
}

/** @param after where the last states of a Map's inner machine lead to */
function collect(machine: Machine, parent: string | undefined, after: string | undefined, graph: Graph): void {
  for (const [name, state] of Object.entries(machine.States)) {
    graph.states.push({ name, type: state.Type, parent });
    const inner = state.ItemProcessor === undefined ? undefined : machineSchema.parse(state.ItemProcessor);
    const following = state.Next ?? after;
    const targets = [...(state.Choices ?? []).map(({ Next }) => Next), ...(state.Default ? [state.Default] : [])];
    if (inner) {
      graph.arrows.push({ from: name, to: inner.StartAt });
      collect(inner, name, following, graph);
    } else {
      for (const to of targets.length > 0 ? new Set(targets) : following ? [following] : [])
        graph.arrows.push({ from: name, to });
    }
  }
}

const HEIGHT = 34;
const CHARACTER_WIDTH = 7.4;

/** A definition with a place for each of its states and arrows. */
export interface LaidMachine {
  states: (DrawnState & { x: number; y: number; width: number })[];
  /** As `d` of an SVG path. */
  arrows: string[];
  width: number;
  height: number;
}

/** Finds a place for every state. It takes a tenth of a second, so it is done once for a definition. */
export function layOut(definition: string): LaidMachine {
  const { states, arrows } = graphOf(definition);
  const graph = new dagre.graphlib.Graph({ multigraph: false });
  graph.setGraph({ rankdir: 'TB', nodesep: 22, ranksep: 26, marginx: 8, marginy: 8 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of states) graph.setNode(name, { width: name.length * CHARACTER_WIDTH + 44, height: HEIGHT });
  for (const { from, to } of arrows) graph.setEdge(from, to);
  dagre.layout(graph);
  const { width = 0, height = 0 } = graph.graph();
  return {
    states: states.map((state) => {
      const { x, y, width: wide } = graph.node(state.name) as { x: number; y: number; width: number };
      return { ...state, x, y, width: wide };
    }),
    arrows: arrows.map(({ from, to }) => {
      const { points = [] } = graph.edge(from, to) as { points?: { x: number; y: number }[] };
      return pathOf(points);
    }),
    width: Math.ceil(width),
    height: Math.ceil(height),
  };
}

/** Draws a definition with where a run is now and how often each state was entered. */
export function stateMachinePicture(
  { states, arrows, width, height }: LaidMachine,
  progress: Progress | undefined,
): Markup {
  return html`<svg class="machine" viewBox="0 0 ${width} ${height}" role="img" aria-label="${describe(progress)}">
    <defs>
      <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse">
        <path d="M0 0 8 4 0 8z" />
      </marker>
    </defs>
    ${arrows.map((path) => html`<path class="arrow" marker-end="url(#arrow)" d="${raw(path)}" />`)}
    ${states.map((state) => drawn(state, progress))}
  </svg>`;
}

function drawn(
  { name, type, parent, x, y, width }: LaidMachine['states'][number],
  progress: Progress | undefined,
): Markup {
  const times = progress?.entered.get(name) ?? 0;
  const isNow = progress?.current.has(name) ?? false;
  const classes = [
    'state',
    type.toLowerCase(),
    ...(parent === undefined ? [] : ['inner']),
    ...(isNow ? ['now'] : []),
    ...(progress?.failed.has(name) ? ['failed'] : []),
    ...(times > 0 ? ['entered'] : []),
  ];
  const left = x - width / 2;
  return html`<g class="${classes.join(' ')}">
    <title>${name} (${type}${parent === undefined ? '' : ` in ${parent}`}): entered ${times} times${isNow ? ', here now' : ''}</title>
    <rect x="${left}" y="${y - HEIGHT / 2}" width="${width}" height="${HEIGHT}" rx="${type === 'Choice' ? HEIGHT / 2 : 5}" />
    <text x="${left + 10}" y="${y + 4}">${name}</text>
    ${times > 0 ? html`<text class="times" x="${left + width - 8}" y="${y + 4}">${times}</text>` : ''}
  </g>`;
}

function pathOf(points: readonly { x: number; y: number }[]): string {
  return points.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`).join(' ');
}

function describe(progress: Progress | undefined): string {
  if (!progress) return 'The state machine; no run of this period';
  const here = [...progress.current].join(', ');
  return here ? `The state machine; the run is in ${here}` : 'The state machine; the run has ended';
}

/** An execution's history, read on as it grows: what was read once is not read again. */
export class ExecutionProgress {
  readonly #entered = new Map<string, number>();
  readonly #inside = new Map<string, number>();
  readonly #failed = new Set<string>();
  #lastId = 0;
  #isOver = false;

  /** Reads what came since the last call. */
  async update(client: SFNClient, executionArn: string): Promise<Progress> {
    for (const event of await this.#newEvents(client, executionArn)) this.#take(event);
    const current = new Set(
      this.#isOver ? [] : [...this.#inside].flatMap(([name, times]) => (times > 0 ? [name] : [])),
    );
    return { entered: this.#entered, current, failed: this.#failed };
  }

  /** The latest come first, so that reading ends at the first one that is known. */
  async #newEvents(client: SFNClient, executionArn: string): Promise<HistoryEvent[]> {
    const events: HistoryEvent[] = [];
    const input = {
      executionArn,
      reverseOrder: true,
      includeExecutionData: false,
      maxResults: this.#lastId === 0 ? 1_000 : 200,
    };
    for await (const page of paginateGetExecutionHistory({ client }, input)) {
      for (const event of page.events ?? []) {
        if ((event.id ?? 0) <= this.#lastId) return events.reverse();
        events.push(event);
      }
    }
    return events.reverse();
  }

  #take({ id = 0, type, stateEnteredEventDetails, stateExitedEventDetails }: HistoryEvent): void {
    this.#lastId = Math.max(this.#lastId, id);
    const entered = stateEnteredEventDetails?.name;
    const exited = stateExitedEventDetails?.name;
    if (entered !== undefined) {
      this.#entered.set(entered, (this.#entered.get(entered) ?? 0) + 1);
      this.#inside.set(entered, (this.#inside.get(entered) ?? 0) + 1);
      this.#failed.delete(entered);
    }
    if (exited !== undefined) this.#inside.set(exited, (this.#inside.get(exited) ?? 1) - 1);
    if (/^Execution(Succeeded|Failed|Aborted|TimedOut)$/.test(type ?? '')) {
      if (type !== 'ExecutionSucceeded')
        for (const [name, times] of this.#inside) if (times > 0) this.#failed.add(name);
      this.#isOver = true;
    }
    if (type === 'ExecutionRedriven') {
      this.#isOver = false;
      this.#inside.clear();
    }
  }
}
