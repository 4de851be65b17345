/** The server's certificate: read from files, checked, and read again when they change. */

import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { RealtimeError } from '../../kernel/errors.ts';

/** Paths of PEM files: the certificate with its chain, and its key. */
export interface CertificateFiles {
	readonly cert: string;
	readonly key: string;
}

export interface Certificate {
	readonly cert: Buffer;
	readonly key: Buffer;
}

/** Milliseconds from one look at the files to the next. */
const LOOK = 250;

/**
 * Reads a certificate and its key.
 *
 * @throws {RealtimeError} RT_TLS_INVALID where a file cannot be read, or the two do not fit.
 */
export function readCertificate(files: CertificateFiles): Certificate {
	try {
		const certificate = { cert: readFileSync(files.cert), key: readFileSync(files.key) };
		createSecureContext(certificate);
		return certificate;
	} catch (cause) {
		const why = cause instanceof Error ? cause.message : String(cause);
		throw new RealtimeError('RT_TLS_INVALID', [files.cert, files.key, why], { cause });
	}
}

/**
 * Looks after the files, and hands over what has come to stand there; what cannot be used is told,
 * and the certificate in use stays.
 *
 * It looks at what the paths lead to, since they may be links of which one on the way changes; and
 * waits until nothing has changed for one look, since the two files are written one after the other.
 *
 * @returns stops looking.
 */
export function watchCertificate(
	files: CertificateFiles,
	use: (certificate: Certificate) => Promise<void> | void,
	report: (error: unknown) => void = console.error
): () => void {
	let used = stateOf(files);
	let seen = used;
	let isBusy = false;
	const look = async (): Promise<void> => {
		const now = stateOf(files);
		const isSteady = now === seen;
		seen = now;
		if (!isSteady || now === used || isBusy) return;
		used = now;
		isBusy = true;
		try {
			await use(readCertificate(files));
		} catch (error) {
			report(error);
		} finally {
			isBusy = false;
		}
	};
	const timer = setInterval(() => void look(), LOOK);
	// A server that has ended need not stay for it.
	timer.unref();
	return () => clearInterval(timer);
}

/** Changes whenever a file does. */
function stateOf({ cert, key }: CertificateFiles): string {
	return [cert, key]
		.map((path) => {
			const stat = statSync(path, { throwIfNoEntry: false });
			return stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : 'none';
		})
		.join();
}
