/** Ends with 0 where the tests find a browser. */
import { hasBrowser } from '../tests/fixtures/browser.ts';

process.exitCode = hasBrowser ? 0 : 1;
