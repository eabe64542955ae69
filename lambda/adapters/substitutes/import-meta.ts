import { pathToFileURL } from 'node:url';

/** `import.meta.url` of the owner's code, which a CommonJS bundle lacks (`lib/bundle/server-bundle.ts`). */
export const importMetaUrl = /* @__PURE__ */ pathToFileURL(__filename).href;
