import { AccountUnbalanced, balance } from './balance.ts';
import type { Certificate, CertificateContent } from './certificate.ts';
import type { Fault } from './kept-document.ts';
import { seal } from './seal.ts';

/** What a run's workers found, folded, and what is known of the run. */
export type CertificateParts = Omit<CertificateContent, 'schemaVersion'>;

/**
 * Makes the certificate of a run whose account balances.
 * @param faults contradictions that workers found in the books
 * @throws AccountUnbalanced naming the first line that disagrees
 */
export function makeCertificate(parts: CertificateParts, faults: readonly Fault[]): Certificate {
  const content: CertificateContent = { schemaVersion: 1, ...parts };
  const [fault] = faults;
  if (fault) {
    const { clientId, line, expected, found } = fault;
    throw new AccountUnbalanced(parts.period.id, { line: `client ${clientId}, ${line}`, expected, found });
  }
  const disagreement = balance(content);
  if (disagreement) throw new AccountUnbalanced(parts.period.id, disagreement);
  return seal(content);
}
