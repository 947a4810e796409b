import { readFileSync } from 'node:fs';
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import type { components } from '../../lib/invoice-api/contract.ts';

type PackageBody = components['schemas']['Package'];

/** A body that the contract allows, or the faults in it. */
export type CheckedBody =
  | { ok: true; body: PackageBody }
  | { ok: false; faults: { pointer: string; detail: string }[] };

/** Checks bodies against the schema in the contract itself, so that the simulator cannot drift from it. */
export function bodyCheck(): (text: string) => CheckedBody {
  const contract: unknown = parse(
    readFileSync(new URL('../../docs/invoice-api.openapi.yaml', import.meta.url), 'utf8'),
  );
  // Not strict: the rest of an OpenAPI document is no JSON Schema, and is only there to be referred into.
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  ajv.addSchema({ $id: 'contract', ...(contract as object) });
  const valid = ajv.compile<PackageBody>({ $ref: 'contract#/components/schemas/Package' });
  return (text) => {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return { ok: false, faults: [{ pointer: '', detail: 'the body is not JSON' }] };
    }
    if (valid(json)) return { ok: true, body: json };
    return { ok: false, faults: (valid.errors ?? []).map(faultOf) };
  };
}

function faultOf({ instancePath, message, params }: ErrorObject): { pointer: string; detail: string } {
  // ajv's params differ by keyword; this one names a property that should not be there.
  const extra: unknown = (params as Record<string, unknown>).additionalProperty;
  return {
    pointer: instancePath,
    detail: `${message ?? 'is invalid'}${extra === undefined ? '' : ` (${String(extra)})`}`,
  };
}
