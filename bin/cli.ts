#!/usr/bin/env node
import { runOwner } from '../cli/program.ts';

await runOwner(process.argv.slice(2), {
  doctor: async (args) => (await import('../cli/commands/doctor.ts')).run(args),
});
