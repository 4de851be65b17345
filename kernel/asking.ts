/**
 * The header with which a page asks what an upgrade would be answered, since a browser does not show
 * it the answer to one. Its value is the subprotocols of the upgrade.
 */
export const ASK_HEADER = 'x-realtime-ask';
