// serverless.yml reads the dashboard through this file.
module.exports = async ({ resolveVariable }) => {
  const { dashboardOf } = await import('./dashboard.ts');
  const { functionNames } = await import('./function-names.ts');
  const names = await resolveVariable('self:custom.names');
  const settings = await resolveVariable('self:custom.settings');
  return { Resources: { Dashboard: dashboardOf(names, settings, functionNames()) } };
};
