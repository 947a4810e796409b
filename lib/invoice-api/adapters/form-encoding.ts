/** A value in a form: nested objects and lists become names in brackets. */
export type FormValue = string | number | boolean | undefined | { [name: string]: FormValue } | readonly FormValue[];

/** `{ lines: [{ pricing: { price: 'p' } }] }` is `lines[0][pricing][price]=p`; undefined is left out. */
export function formEncoded(fields: { readonly [name: string]: FormValue }): string {
  const pairs = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) append(pairs, name, value);
  return pairs.toString();
}

function append(pairs: URLSearchParams, name: string, value: FormValue): void {
  if (value === undefined) return;
  if (typeof value !== 'object') {
    pairs.append(name, String(value));
    return;
  }
  for (const [key, inner] of Object.entries(value)) append(pairs, `${name}[${key}]`, inner);
}
