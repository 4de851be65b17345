/** An instance of an app on Postgres, in a process of its own: it says what it delivers and begins. */

import { createKernel, definePlugin } from 'svelte-realtime/kernel';
import { jobs } from 'svelte-realtime/plugins/jobs';
import { postgres } from 'svelte-realtime/plugins/postgres';
import { postgresNotify } from 'svelte-realtime/plugins/postgres-notify';
import { postgresReplay } from 'svelte-realtime/plugins/postgres-replay';
import { replay } from 'svelte-realtime/plugins/replay';
import { fakeTransport } from 'svelte-realtime/testing';

/** What the child finds in its first argument. */
export interface PostgresInstanceOptions {
	readonly url: string;
	readonly schema: string;
	readonly check: number;
	/** Milliseconds. */
	readonly lease: number;
}

export type PostgresInstanceMessage =
	| { readonly type: 'reading' }
	| { readonly type: 'delivered'; readonly data: unknown }
	| { readonly type: 'begun'; readonly payload: unknown };

const options = JSON.parse(process.argv[2]!) as PostgresInstanceOptions;
const { url, schema, check, lease } = options;
const say = (message: PostgresInstanceMessage): void => void process.send!(message);

const recorder = definePlugin({
	name: 'recorder',
	setup: (kernel) => void kernel.hook('published', ({ data }) => say({ type: 'delivered', data }))
});
/** Never ends by itself. */
const endless = ({ payload }: { readonly payload: unknown }): Promise<never> => {
	say({ type: 'begun', payload });
	return new Promise(() => {});
};

const kernel = createKernel({
	plugins: [
		postgres({ url, schema, connections: 2 }),
		postgresNotify({ check }),
		postgresReplay(),
		replay(),
		jobs({ handlers: { endless }, lease, check }),
		recorder
	],
	transport: fakeTransport(),
	report(plugin, error) {
		// Its connection is ended while it stands still, and the server at the end of a test.
		if ((error as { code?: string }).code !== 'RT_POSTGRES_UNREACHABLE')
			console.error(plugin, error);
	}
});
await kernel.start();
await kernel.find('replay')!.follow('a');
const bridge = kernel.find('postgres.bridge')!;
const looking = setInterval(() => {
	if (!bridge.isReading) return;
	clearInterval(looking);
	say({ type: 'reading' });
}, 5);
process.once('SIGTERM', () => void kernel.shutdown().then(() => process.exit(0)));
