// Stops packaging without an address of the invoice API, with one that no function could use, or with a name of its
// token's parameter that no role could allow. Other commands, such as remove and info, do without.

/**
 * A path: the role's resource is made of it
 * (https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html).
 */
const PARAMETER_NAME = /^(\/[A-Za-z0-9_.-]+)+$/;

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
    const parameter = this.serverless.service.custom.invoiceApiTokenParameter;
    if (!PARAMETER_NAME.test(parameter)) {
      throw new this.serverless.classes.Error(
        `The parameter invoiceApiTokenParameter cannot be used: "${parameter}" must be a path that begins with a slash, such as ` +
          `/halfmonth/prod/invoice-api-token`,
        'INVOICE_API_TOKEN_PARAMETER_INVALID',
      );
    }
  }

  error(message) {
    const stage = this.serverless.getProvider('aws').getStage();
    const advice = `Pass it along: --stage ${stage} --param="invoiceApiUrl=https://invoices.example.com"`;
    return new this.serverless.classes.Error(`${message}\n${advice}`, 'INVOICE_API_URL_INVALID');
  }
}

module.exports = InvoiceApiAddress;
