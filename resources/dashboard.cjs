// serverless.yml reads the dashboard through this file.
module.exports = async ({ resolveVariable }) => {
  const { dashboardOf } = await import('./dashboard.ts');
  const { readSettings } = await import('../config/settings.ts');
  const { functionNames } = await import('./function-names.ts');
  const names = await resolveVariable('self:custom.names');
  const settings = readSettings(await resolveVariable('sls:stage'));
  return { Resources: { Dashboard: dashboardOf(names, settings, functionNames()) } };
};
