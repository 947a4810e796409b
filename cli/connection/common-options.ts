/** The options that every command takes. */
export interface CommonOptions {
  json?: boolean;
  local?: boolean;
  stage?: string;
  region?: string;
  profile?: string;
  yes?: boolean;
}
