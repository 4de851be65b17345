/** Which server a script runs on: the fence against one that lacks the latest writes. */

/** Stands for the run id of whatever server has the keys: only that one knows, in a Cluster. */
export const OWN_RUN = '*';

/**
 * For scripts: `run_of(given)` is the run id that a script was given, or of the server that it runs
 * on. A Cluster leads a command to another server by itself, so that an id that came with it might
 * be that of a server which has had the keys before.
 */
export const RUN_OF = `
local function run_of(given)
	if given ~= '${OWN_RUN}' then return given end
	return string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
end
`;
