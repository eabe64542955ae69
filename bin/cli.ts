#!/usr/bin/env node
// Node.js before 22 has no `enableCompileCache`: an import by name would fail before the sentence about the version.
import module from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unsupportedNode } from '../cli/node-version.ts';

const unsupported = unsupportedNode(process.versions.node);
if (unsupported !== undefined) {
  process.stderr.write(`${unsupported}\n`);
  process.exit(1);
}
// Halves the time of a command. What follows is loaded from the cache, and so are the processes that it starts.
process.env.NODE_COMPILE_CACHE ??= join(tmpdir(), 'node-compile-cache');
module.enableCompileCache();
const { runCli } = await import('../cli/program.ts');

await runCli(process.argv.slice(2));
