// Stops packaging a stage through which real money goes while nobody would get its alarms. Other commands do without.

class AlarmReceiver {
  constructor(serverless) {
    this.serverless = serverless;
    this.hooks = { 'before:package:initialize': () => this.check() };
  }

  check() {
    const { alarmEmail, settings } = this.serverless.service.custom;
    const stage = this.serverless.getProvider('aws').getStage();
    const isProduction = settings.operations.production || /^prod(uction)?$/.test(stage);
    if (!isProduction || alarmEmail || settings.operations.alarmTopicArn) return;
    throw new this.serverless.classes.Error(
      `Nobody would get the alarms of the stage ${stage}, through which real money goes.\n` +
        `Set operations.alarmEmail or operations.alarmTopicArn in config/${stage}.yml, or pass the address along: ` +
        `--stage ${stage} --param="alarmEmail=billing-on-call@example.com"`,
      'ALARM_RECEIVER_MISSING',
    );
  }
}

module.exports = AlarmReceiver;
