export const guard = (check: () => boolean): (() => boolean) => check;
export const _guard = guard(() => true);
