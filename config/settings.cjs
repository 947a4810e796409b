// serverless.yml reads its settings through this file, so that a bad one stops packaging with its path.
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const { InvalidSettings, readSettings, scheduleOf, derivedFrom } = await import('./settings.ts');
  try {
    const settings = readSettings(stage);
    return { ...settings, schedule: scheduleOf(settings), derived: derivedFrom(settings) };
  } catch (error) {
    // The framework prints the stack; whoever wrote the settings needs the message alone.
    if (error instanceof InvalidSettings) error.stack = error.message;
    throw error;
  }
};
