import { guard } from 'svelte-realtime';

export const signedIn = guard(() => true);
export { signedIn as _guard };
export default guard(() => true);
