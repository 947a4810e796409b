// Runs in a fresh process: imports one bundle, as Lambda does before the first invocation, and says how long it took.
const [moduleUrl, handlerExport] = process.argv.slice(2);
const bundle = await import(moduleUrl);
if (typeof bundle[handlerExport] !== 'function') throw new Error(`${moduleUrl} exports no ${handlerExport}`);
// Counts from the start of the process.
process.stdout.write(String(performance.now()));
