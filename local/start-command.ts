import { isPublished } from '../lib/package-files.ts';

/**
 * The command that starts the local emulator: `npm start` in a clone, and `npx holdfast dev` in an owner's project.
 *
 * @param options such as `--fresh`
 */
export function startCommand(options = '', published = isPublished): string {
  const command = published ? 'npx holdfast dev' : 'npm start';
  if (options === '') return command;
  // npm passes on what follows the separator.
  return published ? `${command} ${options}` : `${command} -- ${options}`;
}
