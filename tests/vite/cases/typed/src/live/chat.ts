import { live } from 'svelte-realtime';

export interface Message {
	id: number;
	text: string;
}

export const send = live(async (_ctx, text: string, loud?: boolean): Promise<Message> => {
	return { id: 1, text: loud ? text.toUpperCase() : text };
});

export const messages = live.stream('messages', async (): Promise<Message[]> => []);

const remove = live(async (_ctx, id: number) => id > 0);
export { remove as delete };

export const notLive = 1;
