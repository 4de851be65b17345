/** The app's own signals, as both sides know them. */

import type { Signals } from 'svelte-realtime/kernel';
import type {} from './frames.ts';

/** Names of the app's signals; any name where the app has declared none. */
export type SignalName<S = Signals> = [keyof S] extends [never] ? string : keyof S & string;

/** What goes with a signal. */
export type SignalData<Name, S = Signals> = Name extends keyof S ? S[Name] : unknown;

/** Data may be left out where it may be `undefined`. */
export type SignalArgs<Name, S = Signals> =
	undefined extends SignalData<Name, S>
		? [data?: SignalData<Name, S>]
		: [data: SignalData<Name, S>];

/** Each signal with its data, so that the name tells what the data is. */
export type AnySignal<S = Signals> = [keyof S] extends [never]
	? [event: string, data: unknown]
	: { [Name in keyof S & string]: [event: Name, data: S[Name]] }[keyof S & string];
