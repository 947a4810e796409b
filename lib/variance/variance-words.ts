import type { Variance } from './variance.ts';

/** So many are said; a client with hundreds of meters may be unlike in all of them. */
const MOST_SAID = 5;

/** How a client's usage is unlike before, in a sentence. */
export function variancesWords(variances: readonly Variance[]): string {
  const said = variances.slice(0, MOST_SAID).map(varianceWords);
  const more = variances.length - said.length;
  return more > 0 ? `${said.join('; ')}; and ${more} more` : said.join('; ');
}

function varianceWords({ kind, meter, quantity, median, usual }: Variance): string {
  switch (kind) {
    case 'new-client':
      return 'the client is new';
    case 'vanished-client':
      return 'the client used nothing, unlike before';
    case 'new-meter':
      return `${meter} ${quantity} is a meter that the client never had`;
    case 'silent-meter':
      return `${meter} is silent, and its median was ${median}`;
    case 'above':
    case 'below':
      return `${meter} ${quantity} is ${kind} what is usual (${usual?.from} to ${usual?.to})`;
  }
}
