/**
 * Ends the kernels of every test and fails a test that leaves something behind.
 *
 * @example vitest.config.ts: test: { setupFiles: ['svelte-realtime/testing/vitest'] }
 */

import { afterEach } from 'vitest';
import { endTestKernels } from './leaks.ts';

afterEach(endTestKernels);
