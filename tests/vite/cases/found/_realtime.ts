export { live } from 'svelte-realtime';
