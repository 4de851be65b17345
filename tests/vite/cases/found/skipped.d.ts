export const skipped: number;
