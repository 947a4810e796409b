/** The exit codes of the command line. */
export const EXIT = { done: 0, failed: 1, wrongUsage: 2, foundProblem: 3 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
