#!/usr/bin/env node
import { enableCompileCache } from 'node:module';

// Halves the time of a command. What follows is loaded from the cache.
enableCompileCache();
const { runCli } = await import('../cli/program.ts');

await runCli(process.argv.slice(2));
