import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PageFile, PageFiles } from '../core/dashboard/dashboard-page.ts';

/** The files of the page, in the function's bundle (`lib/bundle/function-bundle.ts`). */
export function pageFiles(folder: string): PageFiles {
  const file = (name: string, contentType: string): PageFile => {
    const content = readFileSync(join(folder, name), 'utf8');
    const digest = createHash('sha256').update(content).digest('base64url').slice(0, 12);
    return { path: `/dashboard/${name.replace('.', `-${digest}.`)}`, contentType, content };
  };
  return { script: file('main.js', 'text/javascript'), style: file('main.css', 'text/css') };
}
