import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { obstaclesFrom } from '#invoice-api-obstacles';
import { type PackageChunkEvent, packageChunk } from '../lib/runs/package-chunk.ts';
import { foundationOf } from './wiring/foundation.ts';
import { packagingDependencies } from './wiring/packaging.ts';

const dependencies = { ...packagingDependencies(process.env), obstacleOf: obstaclesFrom(process.env) };

export const handler = middy((event: PackageChunkEvent, context: Context) =>
  packageChunk(event, { ...dependencies, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
).use(foundationOf(process.env));
