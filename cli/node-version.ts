/** The first release that runs the TypeScript of an owner's project, and has all that the commands use. */
const minimum = [22, 18] as const;

/** The major version of the runtime of the functions (`Runtime.NODEJS_24_X`). */
const FUNCTIONS_MAJOR = 24;

const parsed = (version: string) => version.split('.').map(Number) as [major: number, minor: number];

/** @param version as `process.versions.node` @returns an error, if the commands cannot run on it */
export function unsupportedNode(version: string): string | undefined {
  const [major, minor] = parsed(version);
  if (major > minimum[0] || (major === minimum[0] && minor >= minimum[1])) return undefined;
  return `Holdfast needs Node.js ${minimum.join('.')} or later; this is ${version}. Install Node.js ${FUNCTIONS_MAJOR}, the runtime of the functions.`;
}

/** @param version as `process.versions.node` @returns a notice, if the emulator runs the functions on another Node.js than AWS */
export function otherRuntime(version: string): string | undefined {
  const [major] = parsed(version);
  if (major === FUNCTIONS_MAJOR) return undefined;
  return `Node.js ${version} runs your server here, and Node.js ${FUNCTIONS_MAJOR} on AWS: install Node.js ${FUNCTIONS_MAJOR} to test what you deploy.`;
}
