#!/usr/bin/env node
import { runCli } from '../cli/program.ts';

await runCli(process.argv.slice(2), {
  doctor: async (args) => (await import('../cli/commands/doctor.ts')).run(args),
});
