/**
 * What one package uses from its slices to its outcome, for a client with usage in every 5 minutes; docs/cost.md says
 * how it was measured.
 */
export const PER_PACKAGE = { writeUnits: 40, readUnits: 353, stateTransitions: 0.06, gigabyteSeconds: 0.2 };

/** What a run costs however small it is. */
const TRANSITIONS_PER_RUN = 40;

/** What {@link runCost} is made from, for a person. */
export const COST_BASIS =
  `${PER_PACKAGE.writeUnits} write units, ${PER_PACKAGE.readUnits} read units, ${PER_PACKAGE.stateTransitions} state ` +
  `transitions and ${PER_PACKAGE.gigabyteSeconds} GB-seconds a package, at list prices; counting events is not in it`;

/** What packaging and sending so many packages once cost, in USD, about: an estimate from their number, not a bill. */
export function runCost({ packages }: { packages: number }): number {
  if (packages === 0) return 0;
  const perPackage =
    PER_PACKAGE.writeUnits * LIST_PRICES.dynamoDbWriteUnits +
    PER_PACKAGE.readUnits * LIST_PRICES.dynamoDbReadUnits +
    PER_PACKAGE.stateTransitions * LIST_PRICES.stateTransitions +
    PER_PACKAGE.gigabyteSeconds * LIST_PRICES.lambdaGigabyteSeconds;
  return packages * perPackage + TRANSITIONS_PER_RUN * LIST_PRICES.stateTransitions;
}

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
