import { NotOfferedByInvoiceApi } from '../../lib/invoice-api/adapters/adapted-invoice-api.ts';
import type { PackageReport } from '../../lib/invoice-api/invoice-api.ts';
import type { PeriodId } from '../../lib/periods/periods.ts';
import { turnIdOfCommand } from '../../lib/quota/turn-ids.ts';
import type { Cloud } from '../connection/cloud.ts';
import { byPackage } from '../packages/by-package.ts';
import { CommandFailed } from '../terminal/errors.ts';
import { command } from '../terminal/next-command.ts';
import type { Output } from '../terminal/output.ts';
import { turnTaker, turnWaitWords } from './api-turns.ts';
import { listPeriod, PeriodNotListed } from './period-listing.ts';

/**
 * All that the invoice API holds for a period. Takes its turns beside the runs that send, and says for whom it waits.
 * @throws CommandFailed when it does not answer or refuses
 */
export async function listedByApi(cloud: Cloud, periodId: PeriodId, output: Output): Promise<PackageReport[]> {
  const api = await cloud.invoiceApi();
  let said: string | undefined;
  try {
    const listed = await listPeriod(
      { ...(await turnTaker(cloud)), api },
      periodId,
      turnIdOfCommand(`listing of ${periodId}`),
      (wait) => {
        const whom = `${wait.reason} ${wait.open?.id}`;
        if (whom !== said) output.note(`Waiting: ${turnWaitWords(wait)}`);
        said = whom;
      },
    );
    return cloud.outputs.InvoiceApiAdapter === undefined || cloud.outputs.InvoiceApiAdapter === 'contract'
      ? listed
      : byPackage(listed);
  } catch (error) {
    if (error instanceof NotOfferedByInvoiceApi) throw new CommandFailed('NOT_OFFERED', error.message);
    if (!(error instanceof PeriodNotListed)) throw error;
    throw new CommandFailed(
      'INVOICE_API',
      `The invoice API at ${cloud.outputs.InvoiceApiUrl} did not list the period: ${error.message}. Try: ${command('doctor')}`,
      { cause: error },
    );
  } finally {
    api.close();
  }
}
