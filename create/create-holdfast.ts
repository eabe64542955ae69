#!/usr/bin/env node
// This module has no static import, so that older versions of Node.js reach its message.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(
    `Holdfast needs Node.js 22.18 or later; this is ${process.version}. Install the LTS version: https://nodejs.org`,
  );
  process.exit(1);
}

const { readFileSync } = await import('node:fs');
const { runCreate } = await import('./create-command.ts');
const { CreateError } = await import('./create-error.ts');

try {
  const defaults = JSON.parse(readFileSync(new URL('project-defaults.json', import.meta.url), 'utf8'));
  const surroundings = { cwd: process.cwd(), userAgent: process.env.npm_config_user_agent, defaults };
  console.log(runCreate(process.argv.slice(2), surroundings));
} catch (error) {
  if (!(error instanceof CreateError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
