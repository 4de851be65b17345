/** The instances of one app: types of the capability `instances`, which a backend provides. */

export type { Answerer, GoneListener, Instances } from './port.ts';
