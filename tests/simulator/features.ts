/** What the product can recover from by itself; what it cannot is left out of the schedules. */
export interface Features {
	/** A client that hears nothing any more gives its connection up by itself. */
	readonly heartbeat: boolean;
	/** Answers, too, may arrive twice. */
	readonly repeatedAnswers: boolean;
	/** A seed that is newer than the answer to a question under way is not shown over by it. */
	readonly seedsStand: boolean;
}

export const FEATURES: Features = {
	heartbeat: true,
	repeatedAnswers: true,
	seedsStand: true
};
