/** What something came to. Only `next()` and `answer()` make one, so that a forgotten `return` shows. */
export class Outcome<Value = unknown> {
	readonly value: Value;

	constructor(value: Value) {
		this.value = value;
	}
}
