import { list } from '$live/admin/users';
import { delete as remove, messages, send } from '$live/chat';
import type { Message } from './live/chat.ts';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function claim<T extends true>(): T | undefined {
	return undefined;
}

// The arguments without ctx, the result as the function returns it.
claim<Equal<Parameters<typeof send>, [text: string, loud?: boolean | undefined]>>();
claim<Equal<ReturnType<typeof send>, Promise<Message>>>();
claim<Equal<ReturnType<typeof remove>, Promise<boolean>>>();
// @ts-expect-error a number is no text
void send(1);

messages.subscribe((value) => {
	claim<Equal<typeof value, Message[] | undefined>>();
});
list('core').subscribe((value) => {
	claim<Equal<typeof value, { id: string }[] | undefined>>();
});
// @ts-expect-error the stream of a topic that depends on an argument has to be given it
void list();

// What `load` returns is the stream itself, since the hooks carry it.
declare const event: Parameters<typeof messages.load>[0];
void messages.load(event).then((carried) => {
	claim<Equal<typeof carried.current, Message[] | undefined>>();
	claim<Equal<typeof carried.connected, boolean>>();
	// @ts-expect-error there is nothing to wait for
	void carried.then;
});

// @ts-expect-error a plain export is not there
import { notLive } from '$live/chat';
void notLive;
