import { live, type LiveError } from 'svelte-realtime';
import type * as rt from 'svelte-realtime';

interface Message {
	id: number;
}
export type { Message };
export type Failure = LiveError | typeof rt;
export interface Extra {
	live: boolean;
}
export declare const never: number;

type Send = ReturnType<typeof live<[], number>>;

export const annotated: Send = live(async () => 1);
export const generic = live.stream<Message[]>('messages', async () => []);
export const satisfied = live(async () => 1) satisfies Send;
export const cast = live(async () => 1) as Send;
export const sure = live(async () => 1)!;
// prettier-ignore
export const wrapped = (((live))(async () => 1));
