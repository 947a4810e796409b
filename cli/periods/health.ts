/** What one look came to. `warning` is worth knowing, `problem` wants a person. */
export interface Health {
  check: string;
  state: 'good' | 'warning' | 'problem';
  words: string;
}
