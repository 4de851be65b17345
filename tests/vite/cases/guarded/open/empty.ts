export const text = 'nothing live';
