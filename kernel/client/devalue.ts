/** The two functions of devalue that a page needs, and nothing else of it, as a chunk of its own. */
export { stringify, unflatten } from 'devalue';
