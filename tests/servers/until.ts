import { setTimeout } from 'node:timers/promises';

/** Asks again and again, until it is so: a server of its own process tells nobody when. The end of waiting is that of the test. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
	while (!(await isSo())) await setTimeout(3);
}
