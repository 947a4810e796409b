import middy from '@middy/core';
import { type AwaitApprovalEvent, awaitApproval } from '../lib/runs/await-approval.ts';
import { approvalDependencies } from './wiring/approving.ts';
import { foundationOf } from './wiring/foundation.ts';

const dependencies = approvalDependencies(process.env);

/** Says that a run waits for approval; the execution waits for the token, not for this function. */
export const handler = middy((event: AwaitApprovalEvent) => awaitApproval(event, dependencies)).use(
  foundationOf(process.env),
);
