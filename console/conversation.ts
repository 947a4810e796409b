import type { Cloud } from '../cli/connection/cloud.ts';
import { Context } from '../cli/connection/context.ts';
import type { ExitCode } from '../cli/terminal/exit-codes.ts';
import { Output } from '../cli/terminal/output.ts';

/** What a command said when it was called from a page. */
export interface Answer {
  /** What it would have asked a person; absent where it asks nothing. */
  question?: string;
  /** Its lines, as on a terminal. */
  lines: string[];
  exitCode: ExitCode | undefined;
}

/** Keeps what a command says instead of printing it. */
class KeptOutput extends Output {
  readonly lines: string[] = [];

  constructor() {
    super();
  }

  override line(text = ''): void {
    this.lines.push(text);
  }

  override note(text: string): void {
    this.lines.push(text);
  }

  override style(_style: unknown, text: string): string {
    return text;
  }

  override async live(): Promise<void> {}
}

/** Takes the remarks of a question that is asked without a command, such as for whom it waits. */
export function quietOutput(onRemark: (words: string) => void): Output {
  const output = new KeptOutput();
  output.note = onRemark;
  return output;
}

/** A command's context in the console: the cloud is the console's own, and questions are answered by the page. */
class ConsoleContext extends Context {
  readonly kept: KeptOutput;
  question: string | undefined;
  readonly #cloud: Cloud;
  readonly #isDecided: boolean;

  constructor(cloud: Cloud, isDecided: boolean) {
    const kept = new KeptOutput();
    super({}, kept);
    this.kept = kept;
    this.#cloud = cloud;
    this.#isDecided = isDecided;
  }

  override async cloud(): Promise<Cloud> {
    return this.#cloud;
  }

  override async confirm(question: string): Promise<boolean> {
    this.question = question;
    return this.#isDecided;
  }
}

/**
 * Calls a command as the command line would. Undecided, it says what it would do and does nothing, since every command
 * that changes something asks first.
 * @param isDecided whether its question is answered with yes
 */
export async function call(
  cloud: Cloud,
  command: (context: Context) => Promise<ExitCode | undefined>,
  isDecided: boolean,
): Promise<Answer> {
  const context = new ConsoleContext(cloud, isDecided);
  const exitCode = await command(context);
  return { ...(context.question ? { question: context.question } : {}), lines: context.kept.lines, exitCode };
}
