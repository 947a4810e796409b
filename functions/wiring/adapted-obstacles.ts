import { type ObstacleOf, obstaclesOf } from '../../lib/invoice-api/adapters/obstacles.ts';
import { ClientStore } from '../../lib/store/client-store.ts';
import { chosenAdapter } from './chosen-adapter.ts';
import { tablesOf } from './tables.ts';
import { type Environment, readVariables } from './variables.ts';

/**
 * What keeps packages from being sent through the adapter that packaging chose. Stands in for `no-obstacles.ts` in the
 * bundles of such a stage.
 * @throws InvalidEnvironment naming every fault
 */
export function obstaclesFrom(environment: Environment): ObstacleOf | undefined {
  return obstaclesOf(chosenAdapter(), new ClientStore(tablesOf(readVariables(environment, 'RUNS_TABLE'))));
}
