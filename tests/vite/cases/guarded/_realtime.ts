export { guard, live } from 'svelte-realtime';
