/** A frame in the owner's sources: frames of others have absolute paths. */
const frame = /^ +at (?:[^(\n]*\()?((?!\/|\w+:|<)[^()\n]+:\d+:\d+)\)?$/m;

/** The first place of a stack in the owner's sources, as `src/server.ts:12:5`; undefined for a stack without one. */
export const ownerFrame = (stack: string | undefined): string | undefined => frame.exec(stack ?? '')?.[1];
