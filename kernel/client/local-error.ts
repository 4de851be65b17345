import { CLIENT_SENTENCES } from '../codes.ts';
import { LiveError } from '../live-error.ts';

/** Makes the error of something that went wrong on this side of the wire. */
export function localError(code: keyof typeof CLIENT_SENTENCES): LiveError {
	return new LiveError(code, CLIENT_SENTENCES[code]);
}
