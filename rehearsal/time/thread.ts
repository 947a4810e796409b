import { getEnvironmentData, threadId } from 'node:worker_threads';
import { installVirtualTime } from './install.ts';
import { SharedTime } from './shared-time.ts';

/** Loaded first in every thread that is started while time is virtual: `main.ts` sees to it. */
// Set by main.ts before any thread is started.
installVirtualTime(new SharedTime(getEnvironmentData('virtual time') as SharedArrayBuffer), threadId);
