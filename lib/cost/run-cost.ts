/**
 * List prices of us-east-1, in USD, for what packages use most
 * (https://aws.amazon.com/dynamodb/pricing/on-demand/, https://aws.amazon.com/step-functions/pricing/).
 */
const PRICES = { writeUnit: 0.625e-6, readUnit: 0.125e-6, stateTransition: 25e-6 };

/**
 * What one package of a few kilobytes costs from making to processed: its document, four writes of its head, and twice as many
 * of its place in the index of outstanding packages.
 */
const PER_PACKAGE = { writeUnits: 14, readUnits: 12, stateTransitions: 0.06 };

/** What a run costs however small it is. */
const TRANSITIONS_PER_RUN = 40;

/** What packaging and sending so many packages cost, in USD, about: an order of magnitude, not a bill. */
export function runCost({ packages }: { packages: number }): number {
  if (packages === 0) return 0;
  const { writeUnits, readUnits, stateTransitions } = PER_PACKAGE;
  const perPackage =
    writeUnits * PRICES.writeUnit + readUnits * PRICES.readUnit + stateTransitions * PRICES.stateTransition;
  return packages * perPackage + TRANSITIONS_PER_RUN * PRICES.stateTransition;
}
