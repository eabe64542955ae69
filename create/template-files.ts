import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A folder of `template` for each language and package manager, and `shared`. */
const templateFolder = fileURLToPath(new URL('template', import.meta.url));

export type Language = 'typescript' | 'javascript';

/** @returns the contents of a part of the template, by the path in a project */
export function readTemplate(part: Language | 'shared' | 'pnpm' | 'yarn'): Record<string, string> {
  const folder = join(templateFolder, part);
  // Yarn runs this from an archive: its entries of folders have no `parentPath`.
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((path) =>
    statSync(join(folder, path)).isFile(),
  );
  // npm packs no file named .gitignore.
  return Object.fromEntries(
    paths.map((path) => [path.replace(/^dot-/, '.'), readFileSync(join(folder, path), 'utf8')]),
  );
}
