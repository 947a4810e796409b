import { buildProgram } from './program.ts';
import { EXIT } from './terminal/exit-codes.ts';
import { wantsJson } from './terminal/form.ts';
import { reportFailure } from './terminal/report-failure.ts';

// The reader of our output may stop early, as `head` does; that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.done);
  throw error;
});

try {
  await buildProgram().parseAsync();
} catch (error) {
  process.exitCode = reportFailure(error, wantsJson(process.argv));
}
