import { callsView } from './calls.ts';
import { connectionView } from './connection.ts';
import { networkView } from './network.ts';
import { pluginsView } from './plugins.ts';
import { presenceView } from './presence.ts';
import { streamsView } from './streams.ts';
import { topicsView } from './topics.ts';
import type { Tab } from './view.ts';

/** In the order in which they are shown. */
export const TABS: readonly Tab[] = [
	{ name: 'connection', label: 'Connection', make: connectionView },
	{ name: 'calls', label: 'Calls', make: callsView },
	{ name: 'streams', label: 'Streams', make: streamsView },
	{ name: 'presence', label: 'Presence and rooms', make: presenceView },
	{ name: 'topics', label: 'Topics', make: topicsView },
	{ name: 'plugins', label: 'Plugins', make: pluginsView },
	{ name: 'network', label: 'Network', make: networkView }
];
