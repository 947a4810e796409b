/** The options that every command takes. */
export interface CommonOptions {
  json?: boolean;
  /** The form of the answer, as typed. */
  output?: string;
  columns?: string[];
  sort?: string;
  local?: boolean;
  stage?: string;
  region?: string;
  profile?: string;
  yes?: boolean;
}
