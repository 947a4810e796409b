import { html } from 'hono/html';
import type { Cloud } from '../../cli/connection/cloud.ts';
import { gatherEvidence } from '../../cli/packages/verification.ts';
import { verifyCertificate } from '../../lib/certificate/verify.ts';
import type { Period } from '../../lib/periods/periods.ts';
import { CertificateStore } from '../../lib/store/certificate-store.ts';
import { quietOutput } from '../conversation.ts';
import { type Frame, type Markup, page } from '../layout.ts';
import { latestCertificate } from './certificate.ts';

/** Holds the latest certificate of a period against everything it speaks of; how far it is arrives as it happens. */
export async function verifyPage(frame: Frame, cloud: Cloud, period: Period, withApi: boolean): Promise<Markup> {
  await latestCertificate(cloud, period);
  const command = `npx halfmonth certificate ${period.id} --verify${withApi ? '' : ' --without-api'}`;
  return page(
    frame,
    `Verify ${period.id}`,
    command,
    html`<div data-live="/live/verify/${period.id}${withApi ? '?api=yes' : ''}" role="status"><p class="wait">Reading …</p></div>
      <p><a href="/certificate/${period.id}">To the certificate</a></p>`,
  );
}

/**
 * The pieces of the page, the verdict last.
 * @param show is given each piece in place of the one before
 */
export async function verify(
  cloud: Cloud,
  period: Period,
  withApi: boolean,
  show: (piece: Markup) => void,
): Promise<void> {
  const certificate = await latestCertificate(cloud, period);
  const evidence = await gatherEvidence(cloud, new CertificateStore(cloud.tables), certificate, {
    withApi,
    output: quietOutput((words) => show(html`<p class="wait">${words}</p>`)),
    onReading: (words) => show(html`<p class="wait">Reading ${words} …</p>`),
  });
  const disagreement = verifyCertificate(certificate, evidence);
  const against = `hash, signature, chain, balance, acknowledgements, books${withApi ? ', and what the invoice API holds' : ''}`;
  show(
    disagreement
      ? html`<section class="look"><p class="headline">It disagrees: ${disagreement.line}</p>
          <p>Expected ${disagreement.expected}, found ${disagreement.found}.</p></section>`
      : html`<p class="good">The certificate of ${period.id} (run ${certificate.run.id}) agrees line by line: ${against}.</p>`,
  );
}
