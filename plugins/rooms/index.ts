/** Rooms: data, presence, cursors and actions of one place. */

import { action } from './action.ts';
import { room as declareRoom } from './declare.ts';

export type { Action, ActionArgs } from './action.ts';
export type { RoomContext } from './context.ts';
export type { LiveRoom, RoomActions, RoomOptions } from './declare.ts';
export { serverRoom } from './server-stub.ts';

/** Declares a room; `room.action` an action of one whose payload is checked. */
export const room: typeof declareRoom & { readonly action: typeof action } = Object.assign(
	((options: never) => declareRoom(options)) as unknown as typeof declareRoom,
	{ action }
);
