/** A C library that is newer than the machine's, for addons that are built for one. */

import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CACHE } from '../e2e/site.ts';
import { run } from './apt.ts';

/** What the builds of uWebSockets.js since 20.56 need at least. */
const NEEDED = 2.38;

/** The release of Debian that has it, and what of it a program and its addons load. */
const SUITE = 'trixie';
const PACKAGES = ['libc6', 'libgcc-s1', 'libstdc++6'];

/** Who signs it. */
const KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

const HELP =
	`An addon for C library ${NEEDED} or later is tested here, which this machine has not got. ` +
	`The libraries of Debian ${SUITE} are fetched in its stead, with apt-get and dpkg-deb and no ` +
	`rights of root: for that the machine has to have ${KEYS}, and to reach a mirror of Debian.`;

/** Whether programs of this machine can load such an addon as they are. */
export const hasNewCLibrary: boolean =
	process.platform !== 'linux' || Number(machineVersion()) >= NEEDED;

function machineVersion(): string | undefined {
	const { header } = process.report.getReport() as unknown as {
		header: { glibcVersionRuntime?: string };
	};
	// As minor versions go, 2.4 stands for 2.04.
	return header.glibcVersionRuntime?.replace(/\.(\d)$/, '.0$1');
}

/**
 * What has to stand before a command for it to run with a C library that is new enough: nothing
 * where the machine's own is.
 *
 * @throws {Error} that says what is missing.
 */
export async function withNewCLibrary(): Promise<readonly string[]> {
	if (hasNewCLibrary) return [];
	const folder = join(CACHE, `c-library-${SUITE}`);
	if (!existsSync(folder)) {
		await fetchInto(folder).catch((cause: unknown) => {
			throw new Error(HELP, { cause });
		});
	}
	const [triplet] = (await readdir(join(folder, 'usr/lib'))).filter((name) => /-gnu$/.test(name));
	const libraries = join(folder, 'usr/lib', triplet!);
	const loader = (await readdir(libraries)).find((name) => /^ld-linux.*\.so\.\d$/.test(name));
	return [join(libraries, loader!), '--library-path', libraries];
}

/** Unpacked aside and moved into place whole, as two runs may begin together. */
async function fetchInto(folder: string): Promise<void> {
	await mkdir(CACHE, { recursive: true });
	const aside = await mkdtemp(`${folder}-`);
	try {
		const lists = join(aside, 'apt');
		await mkdir(join(lists, 'state/lists/partial'), { recursive: true });
		await mkdir(join(lists, 'cache/archives/partial'), { recursive: true });
		await writeFile(
			join(lists, 'sources.list'),
			`deb [signed-by=${KEYS}] ${await mirror()} ${SUITE} main\n`
		);
		await writeFile(join(lists, 'apt.conf'), ownConfig(lists));
		const env = { ...process.env, APT_CONFIG: join(lists, 'apt.conf') };
		await run('apt-get', ['update'], { cwd: aside, env });
		await run('apt-get', ['download', ...PACKAGES], { cwd: aside, env });
		for (const file of await readdir(aside)) {
			if (file.endsWith('.deb')) await run('dpkg-deb', ['-x', join(aside, file), aside]);
		}
		await rm(lists, { recursive: true });
		await rename(aside, folder);
	} catch (error) {
		await rm(aside, { recursive: true, force: true });
		if (!existsSync(folder)) throw error;
	}
}

/** Lists and locks of its own: neither root nor the machine's apt is needed, nor changed. */
function ownConfig(lists: string): string {
	return [
		`Dir::State "${lists}/state";`,
		`Dir::State::status "/dev/null";`,
		`Dir::Cache "${lists}/cache";`,
		`Dir::Etc::sourcelist "${lists}/sources.list";`,
		`Dir::Etc::sourceparts "-";`,
		`APT::Sandbox::User "";`,
		`Acquire::Languages "none";`,
		// A mirror that does not answer is told of at once.
		`Acquire::Retries "2";`,
		`Acquire::http::Timeout "20";`
	].join('\n');
}

/** The mirror of Debian that the machine is set up for, else the one for everybody. */
async function mirror(): Promise<string> {
	const args = ['indextargets', '--format', '$(REPO_URI)', 'Created-By: Packages'];
	const { stdout } = await run('apt-get', args).catch(() => ({ stdout: '' }));
	const uris = stdout.split('\n').map((line) => line.trim());
	return uris.find((uri) => /\/debian\/?$/.test(uri)) ?? 'http://deb.debian.org/debian';
}
