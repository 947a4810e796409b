/**
 * Arrows point one way: functions, cli, local, bench -> lib; inside lib, the pure parts know neither the store nor the
 * SDK.
 */
const PURE =
  '^lib/(errors|decimal|periods|events|meters|usage|packages|chunks|quota|certificate|variance|interventions)/';
const SDK = '^(node_modules/)?(@aws-sdk|@smithy|@aws-lambda-powertools|@middy)';

export default {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'lib-knows-only-lib',
      comment: 'lib is the domain: it knows neither who calls it nor where it runs',
      severity: 'error',
      from: { path: '^lib/' },
      to: { path: '^(functions|cli|console|local|bench|rehearsal|tests|config)/' },
    },
    {
      name: 'pure-lib-without-store-or-sdk',
      comment: 'the pure parts can be read, tested and trusted without AWS',
      severity: 'error',
      from: { path: PURE },
      to: { path: `^lib/(store|invoice-api|sending|runs|queues)/|${SDK}` },
    },
    {
      name: 'functions-are-wiring',
      comment: 'a handler wires middy to lib through functions/wiring and knows nothing of other handlers',
      severity: 'error',
      from: { path: '^functions/' },
      to: { path: '^(functions/[^/]+$|(cli|local|bench|tests|config)/)' },
    },
    {
      name: 'only-functions-know-functions',
      severity: 'error',
      from: { path: '^(lib|cli|console|local|bench|config)/' },
      to: { path: '^functions/' },
    },
    {
      name: 'the-console-asks-as-commands-do',
      comment: 'it shows what commands say; only the command that serves it knows it',
      severity: 'error',
      from: { pathNot: '^(console/|cli/commands/console)' },
      to: { path: '^console/' },
    },
    {
      name: 'the-local-cloud-knows-no-product',
      comment: 'it runs any packaged service; what it knows of this one it reads from the template',
      severity: 'error',
      from: { path: '^local/(cloud|engines)/' },
      to: { path: '^(lib|functions|cli|bench|config)/' },
    },
    {
      name: 'nobody-rests-on-the-rehearsal',
      comment: 'it plays the product; the product does not know it',
      severity: 'error',
      from: { path: '^(lib|functions|cli|console|local|bench|config)/' },
      to: { path: '^rehearsal/' },
    },
    {
      name: 'only-the-store-speaks-dynamodb',
      severity: 'error',
      from: { path: '^lib/', pathNot: '^lib/store/' },
      to: { path: '^(node_modules/)?@aws-sdk/(client-dynamodb|lib-dynamodb|util-dynamodb)' },
    },
    {
      name: 'nobody-imports-tests',
      severity: 'error',
      from: { pathNot: '^tests/' },
      to: { path: '^tests/' },
    },
    { name: 'no-unresolved', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependencies-in-the-product',
      severity: 'error',
      from: { path: '^(lib|functions)/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
