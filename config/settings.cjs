// serverless.yml reads its settings through this file, so that a bad one stops packaging with its path.
module.exports = async ({ resolveVariable }) => {
  const stage = await resolveVariable('sls:stage');
  const { readSettings, scheduleOf, derivedFrom } = await import('./settings.ts');
  const settings = readSettings(stage);
  return { ...settings, schedule: scheduleOf(settings), derived: derivedFrom(settings) };
};
