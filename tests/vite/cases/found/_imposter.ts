export const live = (fn: () => number): number => fn();
