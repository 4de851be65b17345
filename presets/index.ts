export { cluster, type ClusterCapability, type ClusterOptions } from './cluster.ts';
export { single, type SingleCapability, type SingleOptions } from './single.ts';

// Plugins without options: nothing else in the types of the presets would lead to what they provide.
export type { Health } from 'svelte-realtime/plugins/health';
export type { TopicsBus } from 'svelte-realtime/plugins/redis-bus';
export type { Registry } from 'svelte-realtime/plugins/registry';
