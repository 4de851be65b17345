import type { StandardSchemaV1 } from '@standard-schema/spec';
import {
	chain,
	isThenable,
	LiveError,
	type Issue,
	type MaybePromise
} from 'svelte-realtime/kernel';

/**
 * Checks a value with a Standard Schema.
 *
 * @returns the schema's output, at once where the schema is synchronous.
 * @throws {LiveError} VALIDATION with the issues.
 */
export function validate(schema: StandardSchemaV1, value: unknown): MaybePromise<unknown> {
	const result = schema['~standard'].validate(value);
	return chain<StandardSchemaV1.Result<unknown>, unknown>(
		isThenable(result) ? Promise.resolve(result) : result,
		(checked) => {
			if (checked.issues === undefined) return checked.value;
			throw new LiveError('VALIDATION', undefined, { issues: checked.issues.map(toIssue) });
		}
	);
}

/** Whether a value is a Standard Schema; those of arktype are functions. */
export function isSchema(value: unknown): value is StandardSchemaV1 {
	const schema = Object(value) as Partial<StandardSchemaV1>;
	return typeof schema['~standard']?.validate === 'function';
}

function toIssue({ message, path = [] }: StandardSchemaV1.Issue): Issue {
	return {
		message,
		path: path.map((segment) => {
			const key = typeof segment === 'object' ? segment.key : segment;
			return typeof key === 'number' ? key : String(key);
		})
	};
}
