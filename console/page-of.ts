const PERIOD = /^\d{4}-\d{2}-H[12]$/;
const PACKAGE = /^\d{4}-\d{2}-H[12]\../;
const RUN = /^\d{4}-\d{2}-H[12]-|^start-|^arn:/;

/** The page about what a person named: a period, a package, a run, or else a client. */
export function pageOf(what: string): string {
  const name = encodeURIComponent(what);
  if (PERIOD.test(what)) return `/period/${name}`;
  if (PACKAGE.test(what)) return `/package/${name}`;
  // Of an ARN the last part is the name.
  if (RUN.test(what)) return `/run/${encodeURIComponent(what.slice(what.lastIndexOf(':') + 1))}`;
  return `/client?id=${name}`;
}
