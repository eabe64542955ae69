/** The time as everything here counts it. Handed to whoever needs it, so that tests can move it. */
export const epochMilliseconds = (): number => Date.now();
export const epochSeconds = (): number => Math.floor(Date.now() / 1000);
