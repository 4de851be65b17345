import { live as l } from 'svelte-realtime';

const stream = l.stream;

export const send = l(async () => 1);
export const messages = l.stream('messages', async () => []);
export const other = stream('other', async () => []);
