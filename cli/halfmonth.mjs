#!/usr/bin/env node
// Runs on any Node.js from 22 on: the sources are TypeScript, which Node.js 24 runs as they are.
import { spawnSync } from 'node:child_process';
import module from 'node:module';
import { fileURLToPath } from 'node:url';

const program = new URL('./halfmonth.ts', import.meta.url);
const [major] = process.versions.node.split('.');

if (Number(major) >= 24) {
  // Keeps what was compiled in the system's folder for temporary files: the next start is twice as fast.
  module.enableCompileCache();
  await import(program.href);
} else {
  let node;
  try {
    node = module.createRequire(import.meta.url).resolve('node/bin/node');
  } catch {
    console.error(`halfmonth needs Node.js 24, and this is ${process.version}. Run "npm ci", which brings it.`);
    process.exit(1);
  }
  const { status, signal, error } = spawnSync(node, [fileURLToPath(program), ...process.argv.slice(2)], {
    stdio: 'inherit',
  });
  if (error) console.error(`halfmonth could not start ${node}: ${error.message}`);
  if (signal) process.kill(process.pid, signal);
  process.exitCode = status ?? 1;
}
