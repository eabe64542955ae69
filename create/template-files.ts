import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder of `template` for each language and package manager, and `shared`. */
const templateFolder = fileURLToPath(new URL('template', import.meta.url));

export type Language = 'typescript' | 'javascript';

/** @returns the contents of a part of the template, by the path in a project */
export function readTemplate(part: Language | 'shared' | 'pnpm' | 'yarn'): Record<string, string> {
  const folder = join(templateFolder, part);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map(({ parentPath, name }) => {
      const path = relative(folder, join(parentPath, name));
      // npm packs no file named .gitignore.
      return [path.replace(/^dot-/, '.'), readFileSync(join(parentPath, name), 'utf8')];
    }),
  );
}
