#!/usr/bin/env node
import { runOwner } from '../owner/program.ts';

await runOwner(process.argv.slice(2), { doctor: async (args) => (await import('./doctor.ts')).run(args) });
