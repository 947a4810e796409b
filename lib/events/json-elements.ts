/** One element of a message, parsed and as it stood. */
export interface JsonElement {
  value: unknown;
  /** The element's own text, byte for byte. */
  text: string;
  /** How `data.quantity` was written, where it is a JSON number. */
  quantityText?: string;
  /** A name that the event, or its `data`, has more than once: what it says is then anybody's guess. */
  repeatedName?: string;
}

/** A message's JSON. */
export interface JsonMessage {
  isArray: boolean;
  /** The elements of the array, or the one value that the message is. */
  elements: JsonElement[];
}

/**
 * Parses a message and looks at each of its elements' own text, once from left to right and without recursion: whatever
 * the nesting, the work grows with the length only. What `JSON.parse` drops in silence, digits of a quantity and
 * repeated names, is found here.
 * @throws SyntaxError when the text is no JSON
 */
export function readJsonMessage(text: string): JsonMessage {
  const parsed: unknown = JSON.parse(text);
  const scanner = new ElementScanner(text);
  if (!Array.isArray(parsed)) return { isArray: false, elements: [elementOf(text, parsed, scanner.element())] };
  scanner.enter();
  const elements = parsed.map((value: unknown) => {
    const element = elementOf(text, value, scanner.element());
    scanner.passComma();
    return element;
  });
  return { isArray: true, elements };
}

/** Where things stand in a message, as offsets into its text. */
interface ElementShape {
  start: number;
  end: number;
  /** The members that the element itself says, repeated ones too; 0 for what is no object. */
  members: number;
  /** The members of its `data`. */
  dataMembers: number;
  quantity?: { start: number; end: number };
}

function elementOf(text: string, value: unknown, shape: ElementShape): JsonElement {
  const element: JsonElement = { value, text: text.slice(shape.start, shape.end) };
  if (shape.quantity) element.quantityText = text.slice(shape.quantity.start, shape.quantity.end);
  const { data } = isObject(value) ? value : {};
  // What was said more often than it is held was said twice.
  if (membersOf(value) < shape.members || (isObject(data) && membersOf(data) < shape.dataMembers)) {
    element.repeatedName = new ElementScanner(element.text).repeatedName() ?? '';
  }
  return element;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function membersOf(value: unknown): number {
  return isObject(value) ? Object.keys(value).length : 0;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const OPENING_BRACKET = 0x5b;
const CLOSING_BRACKET = 0x5d;
const COLON = 0x3a;
const SPACE = 0x20;

/** Goes once through a text that `JSON.parse` has found to be JSON. */
class ElementScanner {
  readonly #text: string;
  #at = 0;
  /** Told of each member's name at the two levels that are looked at. */
  #onName: ((object: 'event' | 'data', name: string) => void) | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  /** Steps into the array that comes. */
  enter(): void {
    this.#passSpace();
    this.#at += 1;
  }

  passComma(): void {
    this.#passSpace();
    if (this.#code() === COMMA) this.#at += 1;
  }

  /** The next value, and what counting looks at in it. */
  element(): ElementShape {
    this.#passSpace();
    const shape: ElementShape = { start: this.#at, end: this.#at, members: 0, dataMembers: 0 };
    if (this.#code() === OPENING_BRACE) {
      shape.members = this.#object('event', (name) => this.#memberOfEvent(name, shape));
    } else {
      this.#passValue();
    }
    shape.end = this.#at;
    return shape;
  }

  /** The first name that stands twice in the event or in its data. */
  repeatedName(): string | undefined {
    const met = { event: new Set<string>(), data: new Set<string>() };
    let repeated: string | undefined;
    this.#onName = (object, name) => {
      if (met[object].has(name)) repeated ??= object === 'data' ? `data.${name}` : name;
      met[object].add(name);
    };
    this.element();
    return repeated;
  }

  #memberOfEvent(name: string, shape: ElementShape): void {
    if (name !== 'data' || this.#code() !== OPENING_BRACE) {
      this.#passValue();
      return;
    }
    shape.dataMembers = this.#object('data', (member) => {
      const start = this.#at;
      const isNumber = this.#code() !== QUOTE;
      this.#passValue();
      if (member === 'quantity' && isNumber) shape.quantity = { start, end: this.#at };
    });
  }

  /** Goes through an object, and answers how many members it says. */
  #object(kind: 'event' | 'data', member: (name: string) => void): number {
    this.#at += 1;
    this.#passSpace();
    let members = 0;
    while (this.#code() !== CLOSING_BRACE) {
      const name = this.#name();
      this.#onName?.(kind, name);
      this.#passSpace();
      if (this.#code() === COLON) this.#at += 1;
      this.#passSpace();
      member(name);
      members += 1;
      this.passComma();
      this.#passSpace();
    }
    this.#at += 1;
    return members;
  }

  #name(): string {
    const start = this.#at;
    this.#passString();
    const quoted = this.#text.slice(start, this.#at);
    // A text of JSON that was found right: its name is a string.
    return quoted.includes('\\') ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  }

  #passValue(): void {
    const code = this.#code();
    if (code === QUOTE) this.#passString();
    else if (code === OPENING_BRACE || code === OPENING_BRACKET) this.#passNested();
    else this.#passLiteral();
  }

  #passNested(): void {
    let depth = 0;
    do {
      const code = this.#code();
      if (code === QUOTE) {
        this.#passString();
        continue;
      }
      if (code === OPENING_BRACE || code === OPENING_BRACKET) depth += 1;
      else if (code === CLOSING_BRACE || code === CLOSING_BRACKET) depth -= 1;
      this.#at += 1;
    } while (depth > 0);
  }

  /** A number, or true, false, null. */
  #passLiteral(): void {
    for (let code = this.#code(); code > SPACE && !isDelimiter(code); code = this.#code()) this.#at += 1;
  }

  #passString(): void {
    let from = this.#at + 1;
    for (;;) {
      const quote = this.#text.indexOf('"', from);
      let before = quote;
      while (before > from && this.#text.charCodeAt(before - 1) === BACKSLASH) before -= 1;
      from = quote + 1;
      if ((quote - before) % 2 === 0) break;
    }
    this.#at = from;
  }

  #passSpace(): void {
    while (this.#code() <= SPACE) this.#at += 1;
  }

  /** At the end of the text it is NaN, which is neither space nor anything else that is looked for. */
  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }
}

function isDelimiter(code: number): boolean {
  return code === COMMA || code === CLOSING_BRACE || code === CLOSING_BRACKET;
}
