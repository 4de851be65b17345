import { env } from '$env/dynamic/private';

// Read while the module is evaluated, as a database client would.
export const url = env['DATABASE_URL'];
