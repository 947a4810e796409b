/**
 * List prices of us-east-1, in USD, for what packages use most (https://aws.amazon.com/dynamodb/pricing/on-demand/,
 * https://aws.amazon.com/step-functions/pricing/, https://aws.amazon.com/lambda/pricing/ on Arm).
 */
const PRICES = { writeUnit: 0.625e-6, readUnit: 0.125e-6, stateTransition: 25e-6, gigabyteSecond: 13.3334e-6 };

/**
 * What one package uses from its slices to its outcome, for a client with usage in every 5 minutes; docs/cost.md says how it was
 * measured.
 */
export const PER_PACKAGE = { writeUnits: 40, readUnits: 694, stateTransitions: 0.06, gigabyteSeconds: 2.6 };

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
    PER_PACKAGE.writeUnits * PRICES.writeUnit +
    PER_PACKAGE.readUnits * PRICES.readUnit +
    PER_PACKAGE.stateTransitions * PRICES.stateTransition +
    PER_PACKAGE.gigabyteSeconds * PRICES.gigabyteSecond;
  return packages * perPackage + TRANSITIONS_PER_RUN * PRICES.stateTransition;
}
