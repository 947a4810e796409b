/**
 * What a client id is made of: 1 to 128 letters, digits and `. _ : @ | / + = -`. It leaves out what separates the parts
 * of a key (`#`), what sorts after every key (`DEL`), whatever is not printed, and letters that look like other letters.
 */
export const CLIENT_ID_FORM = /^[A-Za-z0-9._:@|/+=-]{1,128}$/;

/** The longest client id, in characters. */
export const CLIENT_ID_MAXIMUM_LENGTH = 128;

/** What a meter's name is made of: the same characters, 1 to 64 of them. */
export const METER_FORM = /^[A-Za-z0-9._:@|/+=-]{1,64}$/;

/** The longest name of a meter, in characters. */
export const METER_MAXIMUM_LENGTH = 64;

/** Whether something can be the id of a client: a text that cannot forge a key. */
export function isClientId(value: unknown): value is string {
  return typeof value === 'string' && CLIENT_ID_FORM.test(value);
}

/**
 * Names that cannot be told from what every JavaScript object has: totals are kept by meter, the SDK drops an attribute named
 * `__proto__` without a word, and takes a map with one named `constructor` for something else than a map.
 */
export const RESERVED_METERS: readonly string[] = ['__proto__', 'constructor'];

/** Whether something can be the name of a meter. */
export function isMeter(value: unknown): value is string {
  return typeof value === 'string' && METER_FORM.test(value) && !RESERVED_METERS.includes(value);
}
