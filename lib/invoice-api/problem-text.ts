/** More is not read for a sentence. */
const LONGEST_TEXT = 20_000;
const LONGEST_MARKUP = 8_000;
/** A reason for a person. */
const LONGEST_REASON = 2_000;
const MOST_SENTENCES = 12;
const DEEPEST = 8;

/**
 * What an answer says, in one line for a person, whatever its body is: the sentences of problem+json (RFC 9457) and of
 * the JSON that other APIs use, the words of an HTML page, or the text as it is.
 */
export function saidBy(text: string): string {
  const body = text.slice(0, LONGEST_TEXT).trim();
  if (body.startsWith('<')) return readable(markupWords(body.slice(0, LONGEST_MARKUP)));
  return readable((text.length <= LONGEST_TEXT ? jsonSentences(body) : undefined) ?? body);
}

/**
 * {@link saidBy}, with the status before it, and with what headers say besides, at most 2,000 characters.
 * @param besides such as `Retry-After: 120`
 */
export function problemText(text: string, httpStatus: number, besides: readonly (string | undefined)[] = []): string {
  const head = [`HTTP ${httpStatus}`, ...besides.filter((one) => one !== undefined)].map(readable).join(', ');
  const said = saidBy(text);
  return `${head}${said ? `: ${said}` : ''}`.slice(0, LONGEST_REASON);
}

/** One line, without characters that steer a terminal or turn the direction of writing. */
export function readable(text: string): string {
  return text
    .replaceAll(/[\p{Cc}\p{Cf}\s]+/gu, ' ')
    .trim()
    .slice(0, LONGEST_REASON);
}

/** The names under which APIs say what is wrong. Only below one of them are other strings sentences too. */
const TELLING =
  /^(title|detail|details|message|messages|msg|reason|description|hint|cause|fault|faults|error|errors|problem|problems)$/;

/** The names of what is for programs. */
const CODED = /^(type|code|status|number|id|link|url)$/;

function jsonSentences(text: string): string | undefined {
  if (!/^[{["]/.test(text)) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof json === 'string') return json;
  const sentences = new Set<string>();
  gather(json, { sentences, label: '', isTelling: false, depth: 0 });
  return sentences.size > 0 ? [...sentences].join('; ') : text;
}

interface Gathering {
  sentences: Set<string>;
  /** What a sentence is about, where the answer says so. */
  label: string;
  /** Whether a name further out says that there are sentences here. */
  isTelling: boolean;
  depth: number;
}

function gather(value: unknown, { sentences, label, isTelling, depth }: Gathering): void {
  if (sentences.size >= MOST_SENTENCES || depth > DEEPEST) return;
  if (typeof value === 'string') {
    if (isTelling && value.trim() !== '') sentences.add(label ? `${label}: ${value}` : value);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) gather(one, { sentences, label, isTelling, depth: depth + 1 });
    return;
  }
  const about = placeOf(value);
  const members = Object.entries(value).filter(([name]) => !/^(pointer|loc|location|path)$/.test(name));
  const isTold = members.some(([name, one]) => typeof one === 'string' && TELLING.test(plain(name)));
  for (const [name, one] of members) {
    const tells = TELLING.test(plain(name));
    // Beside a sentence, other strings are codes and addresses; alone, as in `{ customer: ['not_found'] }`, they are
    // what is said.
    const isLeaf = typeof one === 'string';
    const takes = tells || (isTelling && !(isLeaf && (isTold || CODED.test(plain(name)))));
    const named = tells || !takes ? about || label : name;
    gather(one, { sentences, label: named, isTelling: takes, depth: depth + 1 });
  }
}

/** `error_description`, `errorMessage`, `developer_message`: the last word tells, but for what is a code or a link. */
function plain(name: string): string {
  const words = name
    .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[_\-. ]/);
  return words.at(-1) ?? '';
}

/** Where in the body a fault is: `pointer` (RFC 9457), `loc` or `path`. */
function placeOf(fault: object): string {
  for (const name of ['pointer', 'loc', 'path'] as const) {
    const place = (fault as Record<string, unknown>)[name];
    if (typeof place === 'string') return place;
    if (Array.isArray(place)) return place.filter((part) => typeof part !== 'object').join('/');
  }
  return '';
}

function markupWords(markup: string): string {
  return markup
    .replaceAll(/<!--.*?-->|<(script|style|head)\b[^>]*>.*?<\/\1>/gis, (part) => {
      const title = /<title[^>]*>([^<]*)/i.exec(part)?.[1];
      return title === undefined ? ' ' : `${title}; `;
    })
    .replaceAll(/<[^>]*>/g, ' ')
    .replaceAll('&nbsp;', ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll(/&#39;|&apos;/g, "'")
    .replaceAll('&amp;', '&');
}
