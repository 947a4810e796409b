/** Whom and what a signed request is for. */
export interface SigningScope {
  accessKeyId: string;
  region: string;
  /** The service's name in signatures, such as `dynamodb`. */
  service: string;
}

/** `AWS4-HMAC-SHA256 Credential=KEY/20261116/eu-central-1/dynamodb/aws4_request, SignedHeaders=...` */
const CREDENTIAL = /\bCredential=([^/,\s]+)\/\d{8}\/([^/,\s]+)\/([^/,\s]+)\/aws4_request\b/;

/**
 * Reads the credential scope of a request's signature; undefined when it has none
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-authentication-methods.html).
 */
export function signingScopeOf(authorization: string | undefined): SigningScope | undefined {
  const [, accessKeyId, region, service] = CREDENTIAL.exec(authorization ?? '') ?? [];
  return accessKeyId && region && service ? { accessKeyId, region, service } : undefined;
}
