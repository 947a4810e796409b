/** List prices in us-east-1, in US dollars, without free tiers; docs/cost.md names the pages. */
export const LIST_PRICES = {
  dynamoDbWriteUnits: 0.625 / 1e6,
  dynamoDbReadUnits: 0.125 / 1e6,
  dynamoDbGigabyteMonth: 0.25,
  dynamoDbBackupGigabyteMonth: 0.2,
  sqsRequests: 0.4 / 1e6,
  /** On Arm. */
  lambdaGigabyteSeconds: 0.0000133334,
  lambdaRequests: 0.2 / 1e6,
  stateTransitions: 0.025 / 1000,
  alarms: 0.1,
  metrics: 0.3,
  dashboards: 3,
  logGigabytes: 0.5,
} as const;
