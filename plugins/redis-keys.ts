/** The names of keys and channels in Redis. */

/**
 * Begins the name of everything that belongs to one thing: in a Redis Cluster all of it is in one
 * slot, so that one script can change it in one step.
 *
 * A hash tag ends with the first brace: one in the name would end it early.
 *
 * @example tagged('app:', 'chat') + ':log' // 'app:{chat}:log'
 */
export function tagged(prefix: string, name: string): string {
	return `${prefix}{${name.replaceAll('%', '%25').replaceAll('}', '%7D')}}`;
}
