/** The files that visitors have put here. */

import { FILES_KEPT, type SharedFile } from '$lib/model';
import { records } from './records';

const kept = { most: FILES_KEPT, full: 'drop oldest' } as const;
const files = records<SharedFile>('files', kept);
const contents = records<{ id: string; base64: string }>('contents', kept);

export const shelf = {
	/** Newest first. */
	async list(): Promise<readonly SharedFile[]> {
		return [...(await files.list())].reverse();
	},

	/** Keeps a file; returns it, and those that had to give way. */
	async add(
		name: string,
		by: string,
		bytes: Uint8Array
	): Promise<{ file: SharedFile; gone: readonly SharedFile[] }> {
		const file = { id: crypto.randomUUID(), name, size: bytes.byteLength, by };
		await contents.add({ id: file.id, base64: Buffer.from(bytes).toString('base64') });
		const { gone } = await files.add(file);
		return { file, gone };
	},

	async find(id: string): Promise<{ file: SharedFile; bytes: Uint8Array } | undefined> {
		const [file, content] = await Promise.all([files.find(id), contents.find(id)]);
		return file && content && { file, bytes: Buffer.from(content.base64, 'base64') };
	}
};
