import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The commands of a package manager, as users type them. */
export type PackageManager = {
  name: 'npm' | 'pnpm' | 'yarn';
  install: string;
  /** Followed by package names. */
  add: string;
  /** Followed by the name of a script. */
  run: string;
  /** Followed by a program of a dependency. */
  exec: string;
};

const managers: Record<PackageManager['name'], PackageManager> = {
  npm: { name: 'npm', install: 'npm install', add: 'npm install', run: 'npm run', exec: 'npx' },
  pnpm: { name: 'pnpm', install: 'pnpm install', add: 'pnpm add', run: 'pnpm', exec: 'pnpm exec' },
  yarn: { name: 'yarn', install: 'yarn install', add: 'yarn add', run: 'yarn', exec: 'yarn' },
};

/** @param userAgent `npm_config_user_agent`, which package managers set: "pnpm/12.21.0 npm/? node/…" */
export function packageManagerOf(userAgent: string | undefined): PackageManager {
  const name = userAgent?.split('/')[0];
  return name === 'pnpm' || name === 'yarn' ? managers[name] : managers.npm;
}

/** The package manager whose lock file the folder has, or else the one that runs this program. */
export function packageManagerIn(folder: string, userAgent: string | undefined): PackageManager {
  if (existsSync(join(folder, 'package-lock.json'))) return managers.npm;
  if (existsSync(join(folder, 'pnpm-lock.yaml'))) return managers.pnpm;
  if (existsSync(join(folder, 'yarn.lock'))) return managers.yarn;
  return packageManagerOf(userAgent);
}
