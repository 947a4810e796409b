// serverless.yml reads the alarms through this file: one pair for each function, and those of the service as a whole.
module.exports = async ({ resolveVariable }) => {
  const { alarmsOf } = await import('./alarms.ts');
  const { readSettings } = await import('../config/settings.ts');
  const { functionNames } = await import('./function-names.ts');
  const names = await resolveVariable('self:custom.names');
  const settings = readSettings(await resolveVariable('sls:stage'));
  return { Resources: alarmsOf(names, settings, functionNames()) };
};
