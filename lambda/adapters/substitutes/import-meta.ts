import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** `import.meta` of the owner's code, which a CommonJS bundle lacks (`lib/bundle/server-bundle.ts`). */
export const importMetaUrl = /* @__PURE__ */ pathToFileURL(__filename).href;

/** Of a module among the assets (`lib/bundle/module-places.ts`). @param place relative to the bundle; empty for the bundle */
export const moduleFilename = (place: string): string => (place === '' ? __filename : join(__dirname, place));
export const moduleDirname = (place: string): string => dirname(moduleFilename(place));
export const moduleUrl = (place: string): string => pathToFileURL(moduleFilename(place)).href;
