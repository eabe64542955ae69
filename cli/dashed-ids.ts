/** One in 64 ids begins with a dash: random ones have 22 characters, keys of users and grants in direct mode 43. */
const dashedId = /^-(?:[\w-]{21}|[\w-]{42})$/;

const flags = new Set(['--local', '--json', '--all', '--yes']);

/** Has such ids stand where they are not taken for options: at the end, after `--`. Those that an option wants stay. */
export function withoutDashes(args: string[]): string[] {
  if (args[0] === 'doctor' || args.includes('--')) return args;
  const isMoved = (arg: string, index: number) => {
    const before = args[index - 1] ?? '';
    return dashedId.test(arg) && (!before.startsWith('--') || before.includes('=') || flags.has(before));
  };
  const moved = args.filter(isMoved);
  return moved.length === 0 ? args : [...args.filter((arg, index) => !isMoved(arg, index)), '--', ...moved];
}
