// serverless.yml reads the alarms through this file: one pair for each function, and those of the service as a whole.
module.exports = async ({ resolveVariable }) => {
  const { alarmsOf } = await import('./alarms.ts');
  const { functionNames } = await import('./function-names.ts');
  const names = await resolveVariable('self:custom.names');
  return { Resources: alarmsOf(names, await resolveVariable('self:custom.settings'), functionNames()) };
};
