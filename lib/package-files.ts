import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of the package: a clone, or `node_modules/holdfast` of an owner's project. */
export const packageFolder = fileURLToPath(new URL('..', import.meta.url));

/** Whether this is the published package. Its modules are JavaScript, and it contains what does not depend on the owner. */
export const isPublished = import.meta.url.endsWith('.js');

/** @param name path in the package, without extension @returns the absolute path of the module */
export const moduleFile = (name: string): string => join(packageFolder, `${name}${isPublished ? '.js' : '.ts'}`);

/** The environment variable by which the local emulator has its stack synthesized with the packages of the project. */
export const EMULATOR_VARIABLE = 'HOLDFAST_EMULATOR';
