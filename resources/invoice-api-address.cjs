// Stops packaging without an address of the invoice API, or with one that no function could use. Other commands, such as remove
// and info, do without.

class InvoiceApiAddress {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:package:initialize': () => this.check() };
  }

  async check() {
    const { packagesUrlOf } = await import('../lib/invoice-api/base-url.ts');
    const url = this.serverless.service.custom.invoiceApiUrl;
    if (!url) throw this.error('The parameter invoiceApiUrl is missing: no package could be sent.');
    try {
      packagesUrlOf(url);
    } catch (error) {
      throw this.error(`The parameter invoiceApiUrl cannot be used. ${error.message}.`);
    }
  }

  error(message) {
    const stage = this.serverless.getProvider('aws').getStage();
    const advice = `Pass it along: --stage ${stage} --param="invoiceApiUrl=https://invoices.example.com"`;
    return new this.serverless.classes.Error(`${message}\n${advice}`, 'INVOICE_API_URL_INVALID');
  }
}

module.exports = InvoiceApiAddress;
