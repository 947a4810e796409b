// Tightens what the framework and its plugins put into the template.

/** Lambda's own permissions over its log group, without creating it: the template does, with a retention. */
const CREATE_LOG_GROUP = 'logs:CreateLogGroup';

class LeastPrivilege {
  constructor(serverless) {
    this.serverless = serverless;
    // After serverless-iam-roles-per-function, which comes earlier in the list of plugins.
    this.hooks = { 'before:package:finalize': () => this.tighten() };
  }

  tighten() {
    const { Resources: resources } = this.serverless.service.provider.compiledCloudFormationTemplate;
    const sharedRole = this.serverless.getProvider('aws').naming.getRoleLogicalId();
    const borrowers = Object.keys(resources).filter((id) => refersTo(resources[id], sharedRole));
    if (borrowers.length > 0) {
      throw new this.serverless.classes.Error(
        `${borrowers.join(', ')} would share one role: give the function iamRoleStatements of its own in resources/functions.yml`,
      );
    }
    delete resources[sharedRole];
    for (const { Type: type, Properties: properties } of Object.values(resources)) {
      if (type !== 'AWS::IAM::Role') continue;
      properties.Policies.forEach(withoutLogGroupCreation);
      const { adapter, archive } = this.serverless.service.custom.settings.derived;
      // Only an adapter that signs in with access tokens keeps one.
      if (!adapter.keepsAccessToken) properties.Policies.forEach(without('KeepAccessToken'));
      if (!archive.enabled) properties.Policies.forEach(without('KeepEvidence'));
    }
  }
}

function refersTo(value, logicalId) {
  return JSON.stringify(value).includes(`"${logicalId}"`);
}

function withoutLogGroupCreation({ PolicyDocument: { Statement: statements } }) {
  for (const statement of statements) {
    if (Array.isArray(statement.Action)) {
      statement.Action = statement.Action.filter((action) => action !== CREATE_LOG_GROUP);
    }
  }
}

function without(statementId) {
  return ({ PolicyDocument: document }) => {
    document.Statement = document.Statement.filter(({ Sid }) => Sid !== statementId);
  };
}

module.exports = LeastPrivilege;
