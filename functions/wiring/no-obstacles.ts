import type { ObstacleOf } from '../../lib/invoice-api/adapters/obstacles.ts';
import type { Environment } from './variables.ts';

/** An API of the contract takes every package: nothing about one has to be mapped before. */
export function obstaclesFrom(_environment: Environment): ObstacleOf | undefined {
  return undefined;
}
