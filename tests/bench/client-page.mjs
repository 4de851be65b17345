/** A page that uses one call and one stream of `$live/chat`: what the Vite plugin's stubs say. */

import { __rpc, __stream, setup } from 'svelte-realtime/client';

setup({ path: '/ws', transport: undefined });

export const send = __rpc('chat/send');
export const messages = __stream('chat/messages');
