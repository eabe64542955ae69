import type { Deployment } from '../../cli/target/deployment.ts';
import { resolveUser } from '../../cli/target/user-selection.ts';
import type { Directory, User } from '../../lambda/core/admin/directory.ts';

describe('resolveUser', () => {
  const key = (prefix: string) => prefix.padEnd(43, 'x');
  const user = (prefix: string): User => ({ user: key(prefix), firstSignInAt: 1, lastSignInAt: 1 });
  const users = ['abcdef1', 'abcdef2', 'other-1'].map(user);
  const directory = {
    recentUsers: async () => ({ items: users }),
    users: async () => users.map((each) => ({ ...each, sealedName: `sealed ${each.user}` })),
  } as unknown as Directory;
  const userNames = { open: async (sealed: string) => (sealed.includes('other') ? 'Ola' : 'Twin') } as never;
  const resolve = (given: string, change: Partial<Deployment> = {}) =>
    resolveUser({ directory, isDirect: false, ...change } as Deployment, given);

  test('accepts a whole key, known or not, a key prefix, and a name', async () => {
    expect(await resolve(key('unheard-of'))).toBe(key('unheard-of'));
    expect(await resolve('other-')).toBe(key('other-1'));
    expect(await resolve('Ola', { userNames })).toBe(key('other-1'));
  });

  test('rejects an ambiguous prefix or name and lists the matches', async () => {
    await expect(resolve('abcdef')).rejects.toThrow(
      `"abcdef" matches several users; pass a longer key prefix:\n  ${key('abcdef1')}\n  ${key('abcdef2')}`,
    );
    await expect(resolve('Twin', { userNames })).rejects.toThrow(`${key('abcdef1')}  Twin`);
  });

  test('rejects a short prefix, a part of a name, and a name that the deployment does not store', async () => {
    await expect(resolve('other')).rejects.toThrow('at least 6 characters');
    await expect(resolve('Ol', { userNames })).rejects.toThrow('No user with name or key prefix "Ol"');
    await expect(resolve('Ola')).rejects.toThrow(/^No user with key prefix/);
  });

  test('finds users by their sessions in direct mode', async () => {
    const direct = {
      ...directory,
      recentUsers: async () => ({ items: [] }),
      recentSessions: async () => ({ items: [{ user: key('direct-1') }, { user: key('direct-1') }] }),
    } as unknown as Directory;
    expect(await resolve('direct', { directory: direct, isDirect: true })).toBe(key('direct-1'));
  });
});
