import { expect, test } from 'vitest';
import { PEOPLE } from '$lib/server/people';
import { startApp } from './app';

type House = typeof import('../src/live/admin/house');

const [member, admin] = PEOPLE;

test('an admin’s functions are an admin’s alone', async () => {
	await using app = await startApp();

	for (const other of [undefined, null, member!]) {
		const client = await app.connect(other);
		const { clearBoard } = client.live<House>('admin/house');
		await expect(clearBoard()).rejects.toMatchObject({ code: 'FORBIDDEN' });
	}
	const { clearBoard } = (await app.connect(admin!)).live<House>('admin/house');
	expect(await clearBoard()).toBe(0);
});

test('what an admin says to somebody is heard on each of their pages', async () => {
	await using app = await startApp();
	const house = (await app.connect(admin!)).live<House>('admin/house');
	const [page, tab, other] = [
		await app.connect(member!),
		await app.connect(member!),
		await app.connect()
	];

	await house.tell({ user: member!.id, text: 'Tea is ready.' });

	for (const { signals } of [page, tab]) {
		expect(signals).toEqual([{ event: 'notice', data: 'Tea is ready.' }]);
	}
	expect(other.signals).toEqual([]);
});

test('whoever is signed out by an admin comes back by way of the app’s own handle', async () => {
	await using app = await startApp();
	const house = (await app.connect(admin!)).live<House>('admin/house');
	await app.connect(member!);

	expect(await house.signOut({ user: member!.id })).toBe(1);
	expect(await house.signOut({ user: 'nobody' })).toBe(0);
});
