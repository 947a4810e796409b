import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { unzipSync } from 'fflate';
import { PackageUnreadable } from '../template/template.ts';

/** Where a function's code is and which export of it is called. */
export interface Bundle {
  /** A file URL, to import. */
  moduleUrl: string;
  handlerExport: string;
}

/** The module endings that Lambda tries, in its order. */
const MODULE_ENDINGS = ['.mjs', '.js', '.cjs'];

/**
 * Extracts the zip of one function and finds its handler in it.
 * @param handler as in the template: the path of the module, a dot, the name of the export
 * @throws PackageUnreadable where the zip is missing or does not hold the handler
 */
export function extractBundle(options: {
  packageFolder: string;
  /** The key that the deployment would give the zip in the bucket; its last part is the file's name. */
  s3Key: string;
  handler: string;
  targetFolder: string;
}): Bundle {
  const { packageFolder, s3Key, handler, targetFolder } = options;
  const zip = join(packageFolder, basename(s3Key));
  const files = readZip(zip);
  const root = resolve(targetFolder);
  for (const [name, content] of Object.entries(files)) {
    const file = resolve(root, name);
    if (name.endsWith('/')) continue;
    if (!file.startsWith(root + sep)) throw new PackageUnreadable(`${zip} holds a path outside of itself: ${name}.`);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  const dot = handler.lastIndexOf('.');
  const modulePath = handler.slice(0, dot);
  const ending = MODULE_ENDINGS.find((candidate) => files[modulePath + candidate]);
  if (!ending) throw new PackageUnreadable(`${zip} holds no module for the handler ${handler}.`);
  return { moduleUrl: pathToFileURL(join(root, modulePath + ending)).href, handlerExport: handler.slice(dot + 1) };
}

function readZip(zip: string): Record<string, Uint8Array> {
  try {
    return unzipSync(readFileSync(zip));
  } catch (cause) {
    throw new PackageUnreadable(`${zip} cannot be read; run "npm run package" again.`, { cause });
  }
}
