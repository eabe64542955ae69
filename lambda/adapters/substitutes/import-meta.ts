/**
 * `import.meta` of the owner's code, which a CommonJS bundle lacks (`lib/bundle/server-bundle.ts`). Modules are loaded by the
 * functions, because a cold start evaluates this one also where no code uses it.
 */
const urlOf = (path: string): string => process.getBuiltinModule('node:url').pathToFileURL(path).href;

export const importMeta = {
  get url(): string {
    return urlOf(__filename);
  },
};

/** Of a module among the assets (`lib/bundle/module-places.ts`). @param place relative to the bundle; empty for the bundle */
export const moduleFilename = (place: string): string =>
  place === '' ? __filename : process.getBuiltinModule('node:path').join(__dirname, place);
export const moduleDirname = (place: string): string =>
  process.getBuiltinModule('node:path').dirname(moduleFilename(place));
export const moduleUrl = (place: string): string => urlOf(moduleFilename(place));
