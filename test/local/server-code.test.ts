import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { rebuild, type ServerCode } from '../../local/reload/server-code.ts';

const assembly = mkdtempSync(join(tmpdir(), 'holdfast-code-'));
afterAll(() => rmSync(assembly, { recursive: true }));

function write(name: string, content: string): string {
  const file = join(assembly, name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

test('code that is built again and again keeps the other files of its asset', () => {
  const serverOf = (word: string) => write('project/server.ts', `export const createServer = () => '${word}';`);
  const server = serverOf('first');
  const names = ['asset/src/index.cjs', 'asset/src/prompt.txt', 'asset/src/words/a.txt', 'asset/data/b.txt'];
  for (const name of names) write(name, name);
  const values = { scopes: { scopes: { mcp: { description: 'Use it' } }, tools: {} }, branding: { name: 'Orders' } };
  let code: ServerCode = {
    logicalIds: ['Mcp', 'Worker'],
    record: { build: { server, values, optimizations: true, external: [] }, modules: [], app: undefined },
    folder: join(assembly, 'asset'),
    bundle: 'src/index.cjs',
  };
  for (const word of ['second', 'third', 'fourth']) {
    serverOf(word);
    const before = code.folder;
    code = rebuild(code, assembly, () => undefined);
    expect(code.folder).not.toBe(before);
    expect(readFileSync(join(code.folder, 'src/index.cjs'), 'utf8')).toContain(word);
    expect(code.record.modules).toContain(server);
    for (const name of names.slice(1)) {
      expect(readFileSync(join(code.folder, name.replace('asset/', '')), 'utf8')).toBe(name);
    }
  }
  expect(readFileSync(join(assembly, 'asset/src/index.cjs'), 'utf8')).toBe('asset/src/index.cjs');
});

test('code whose bundle is in several files is built again and again without files of earlier builds', () => {
  const server = write('split/server.ts', `export const createServer = async () => (await import('./words.ts')).word;`);
  const values = { scopes: { scopes: { mcp: { description: 'Use it' } }, tools: {} }, branding: {} };
  const build = { server, values, optimizations: true, fastPath: true, external: [] };
  mkdirSync(join(assembly, 'split-asset'));
  let code: ServerCode = {
    logicalIds: ['Split'],
    record: { build, modules: [], app: undefined },
    folder: join(assembly, 'split-asset'),
    bundle: 'index.cjs',
  };
  const words = ['first', 'second', 'third', 'fourth'];
  for (const word of words) {
    write('split/words.ts', `export const word = 'word: ${word}';`);
    code = rebuild(code, assembly, () => undefined);
    const files = readdirSync(code.folder).map((name) => readFileSync(join(code.folder, name), 'utf8'));
    expect(words.filter((each) => files.some((content) => content.includes(`word: ${each}`)))).toEqual([word]);
  }
});
