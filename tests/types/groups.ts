/** What a group must be to the compiler, on both sides. Checked by tsc; nothing here runs. */

import * as v from 'valibot';
import { live, type LiveContext } from 'svelte-realtime';
import type { Stub } from 'svelte-realtime/client';

const team = live.group((_ctx, id: string) => `team:${id}`, {
	roles: ['admin', 'member'],
	role: (_ctx, id) => (id === 'mine' ? 'admin' : 'member'),
	meta: (_ctx, id) => ({ title: id }),
	data: (ctx) => ({ name: ctx.path }),
	events: { say: v.pipe(v.string(), v.transform(Number)), secret: null },
	publish: ['say'],
	onJoin: ({ role }, { name }) => void (role === 'admin' && name.length)
});
const all = live.group('all');

// @ts-expect-error there is no such role
live.group('x', { roles: ['a'], role: () => 'b' });
// @ts-expect-error there is no such event
live.group('x', { events: { say: null }, publish: ['jump'] });

export function server(ctx: LiveContext): void {
	void team.publish(ctx, 'say', '1', { role: 'admin' }, 'a');
	void team.publish(ctx, 'say', '1', { role: ['admin', 'member'] }, 'a');
	// @ts-expect-error there is no such role
	void team.publish(ctx, 'say', '1', { role: 'king' }, 'a');
	// @ts-expect-error what goes in is a text
	void team.publish(ctx, 'say', 1, {}, 'a');
	// @ts-expect-error which team?
	void team.publish(ctx, 'say', '1', {});
}

declare const teams: Stub<typeof team>;
declare const everybody: Stub<typeof all>;

export async function page(): Promise<void> {
	const mine = teams('mine');
	const role: 'admin' | 'member' | undefined = mine.role;
	const title: string | undefined = mine.meta?.title;
	for (const { key, role: one, data } of mine.members.current ?? []) {
		const text: string = key + data.name;
		const rank: 'admin' | 'member' = one;
		void [text, rank];
	}
	mine.on('say', (number) => number.toFixed());
	await mine.publish('say', '1', { role: 'admin' });
	// @ts-expect-error members do not publish it
	await mine.publish('secret', 1);
	// @ts-expect-error there is no such role
	await mine.publish('say', '1', { role: 'king' });
	// @ts-expect-error which team?
	teams.role;
	const member: 'member' | undefined = everybody.role;
	void [role, title, member];
}
