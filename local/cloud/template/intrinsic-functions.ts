import { LocalCloudError } from '../local-cloud-error.ts';
import type { Template } from './template.ts';

/** The values that `Ref` and `Fn::GetAtt` give for one resource, once it has been made. */
export interface ResourceValues {
  ref: string;
  attributes: Record<string, string>;
}

/** A reference that the local cloud cannot follow; the message names it. */
export class UnresolvedReference extends LocalCloudError {
  readonly code = 'UNRESOLVED_REFERENCE';
}

/** Turns a property with intrinsic functions into its value. */
export type Resolve = (value: unknown) => unknown;

type IntrinsicFunction = (argument: unknown, resolve: Resolve, scope: Scope) => unknown;

/** What references are resolved against. */
export interface Scope {
  template: Template;
  /** `AWS::Region` and the like. */
  pseudoParameters: Record<string, string>;
  /** The values of a resource; undefined for one that the local cloud does not make. */
  valuesOf(logicalId: string): ResourceValues | undefined;
}

const NO_VALUE = Symbol('AWS::NoValue');

/**
 * A resolver of CloudFormation's intrinsic functions
 * (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).
 * It throws UnresolvedReference for a reference to something unknown and for a function that it does not know.
 */
export function resolverOf(scope: Scope): Resolve {
  const resolve: Resolve = (value) => {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== NO_VALUE);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [first] = entries;
    if (entries.length === 1 && first && isFunctionName(first[0])) return call(first[0], first[1], resolve, scope);
    return Object.fromEntries(
      entries.map(([key, member]) => [key, resolve(member)]).filter(([, member]) => member !== NO_VALUE),
    );
  };
  return resolve;
}

function isFunctionName(key: string): boolean {
  return key === 'Ref' || key === 'Condition' || key.startsWith('Fn::');
}

function call(name: string, argument: unknown, resolve: Resolve, scope: Scope): unknown {
  const intrinsic = FUNCTIONS[name];
  if (intrinsic) return intrinsic(argument, resolve, scope);
  throw new UnresolvedReference(`The local cloud does not know ${name}, used with ${JSON.stringify(argument)}.`);
}

const FUNCTIONS: Record<string, IntrinsicFunction> = {
  Ref: (argument, _resolve, scope) => reference(String(argument), scope),
  'Fn::GetAtt': (argument, _resolve, scope) => attribute(argument, scope),
  'Fn::Sub': substitute,
  'Fn::Join': (argument, resolve) => {
    const [separator, parts] = listOf(resolve(argument));
    return listOf(parts).join(String(separator));
  },
  'Fn::Select': (argument, resolve) => {
    const [index, values] = listOf(resolve(argument));
    return listOf(values)[Number(index)];
  },
  'Fn::Split': (argument, resolve) => {
    const [separator, text] = listOf(resolve(argument));
    return String(text).split(String(separator));
  },
  'Fn::If': (argument, resolve, scope) => {
    const [condition, whenTrue, whenFalse] = listOf(argument);
    return resolve(isConditionTrue(String(condition), resolve, scope) ? whenTrue : whenFalse);
  },
  Condition: (argument, resolve, scope) => isConditionTrue(String(argument), resolve, scope),
  'Fn::Equals': (argument, resolve) => {
    const [left, right] = listOf(resolve(argument));
    return String(left) === String(right);
  },
  'Fn::Not': (argument, resolve) => !listOf(resolve(argument))[0],
  'Fn::And': (argument, resolve) => listOf(resolve(argument)).every(Boolean),
  'Fn::Or': (argument, resolve) => listOf(resolve(argument)).some(Boolean),
};

/** Whether a condition of the template holds. */
export function isConditionTrue(name: string, resolve: Resolve, { template }: Scope): boolean {
  const condition = template.Conditions?.[name];
  if (condition === undefined) throw new UnresolvedReference(`The template has no condition ${name}.`);
  return resolve(condition) === true;
}

function reference(name: string, { template, pseudoParameters, valuesOf }: Scope): unknown {
  if (name === 'AWS::NoValue') return NO_VALUE;
  const parameter = template.Parameters?.[name]?.Default;
  const value = pseudoParameters[name] ?? valuesOf(name)?.ref ?? parameter;
  if (value === undefined) throw new UnresolvedReference(`The local cloud cannot resolve Ref ${name}.`);
  return value;
}

function attribute(argument: unknown, { valuesOf }: Scope): string {
  const [logicalId, ...path] = typeof argument === 'string' ? argument.split('.') : listOf(argument).map(String);
  const name = path.join('.');
  const value = valuesOf(logicalId ?? '')?.attributes[name];
  if (value === undefined) {
    throw new UnresolvedReference(`The local cloud cannot resolve Fn::GetAtt ${logicalId}.${name}.`);
  }
  return value;
}

function substitute(argument: unknown, resolve: Resolve, scope: Scope): string {
  const [text, variables] = Array.isArray(argument) ? argument : [argument, {}];
  const own = new Map(Object.entries(variables ?? {}));
  return String(text).replace(/\$\{(!?)([^}]+)\}/g, (whole, literal: string, name: string) => {
    if (literal) return `\${${name}}`;
    if (own.has(name)) return String(resolve(own.get(name)));
    if (name.includes('.')) return attribute(name, scope);
    const value = reference(name, scope);
    return value === NO_VALUE ? whole : String(value);
  });
}

function listOf(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new UnresolvedReference(`A list was expected, not ${JSON.stringify(value)}.`);
}
