import middy from '@middy/core';
import type { Context } from 'aws-lambda';
import { packagingEnvironment } from '../lib/config/packaging-environment.ts';
import { type PackageChunkEvent, packageChunk } from '../lib/runs/package-chunk.ts';
import { packagingResources } from '../lib/runs/packaging-resources.ts';

const resources = packagingResources(packagingEnvironment(process.env));

export const handler = middy((event: PackageChunkEvent, context: Context) =>
  packageChunk(event, { ...resources, remainingMilliseconds: () => context.getRemainingTimeInMillis() }),
);
