import { live } from 'svelte-realtime';

export default live(async () => 1);
