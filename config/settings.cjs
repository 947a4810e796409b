// serverless.yml reads its settings through this file, so that a bad one stops packaging with its path.
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const { InvalidSettings, readSettings, scheduleOf, derivedFrom } = await import('./settings.ts');
  const { adapterPackaging, chosenAdapter, withQuotaPresets } = await import('./adapter.ts');
  const file = `config/${stage}.yml`;
  try {
    const written = readSettings(stage);
    const chosen = await chosenAdapter(written, file);
    const settings = withQuotaPresets(written, chosen, file);
    const fromSettings = derivedFrom(settings);
    const adapter = adapterPackaging(settings, chosen);
    const alias = { ...adapter.alias, ...fromSettings.archive.alias };
    const derived = { ...fromSettings, adapter, alias };
    return { ...settings, schedule: scheduleOf(settings), derived };
  } catch (error) {
    // The framework prints the stack; whoever wrote the settings needs the message alone.
    if (error instanceof InvalidSettings) error.stack = error.message;
    throw error;
  }
};
