import type { Deployment } from '../../cli/target/deployment.ts';
import { limit, only, pages } from '../../cli/target/paging.ts';
import { resolveUser } from '../../cli/target/user-selection.ts';
import type { Directory, ListedPage, ListOptions, User } from '../../lambda/core/admin/directory.ts';

/** Lists, of which the table gives a page at a time. */

/** As the table does, which may give fewer than asked for, even none, and still not be at the end. */
const numbers =
  (count: number, most = 3) =>
  async ({ limit, after = '-1' }: ListOptions): Promise<ListedPage<number>> => {
    const first = Number(after) + 1;
    const items = Array.from({ length: Math.min(limit, most, count - first) }, (_, index) => first + index);
    const last = items.at(-1) ?? first;
    return { items, ...(last < count - 1 && { next: String(last) }) };
  };

async function read<T>(found: AsyncIterable<ListedPage<T>>): Promise<{ items: T[]; next?: string }> {
  const all: T[] = [];
  let next: string | undefined;
  for await (const page of found) {
    all.push(...page.items);
    next = page.next;
  }
  return { items: all, ...(next !== undefined && { next }) };
}

describe('a list', () => {
  test('has as much as wanted, and where it ends another goes on', async () => {
    const first = await read(pages(numbers(10), { limit: 5 }));
    expect(first).toEqual({ items: [0, 1, 2, 3, 4], next: '4' });
    expect(await read(pages(numbers(10), { limit: 5, after: first.next }))).toEqual({ items: [5, 6, 7, 8, 9] });
  });

  test('has everything if so wanted', async () => {
    expect((await read(pages(numbers(1000), { limit: 1, all: true }))).items).toHaveLength(1000);
    expect(await read(pages(numbers(0), { limit: 5, all: true }))).toEqual({ items: [] });
  });

  test('goes on past pages of which nothing is wanted', async () => {
    const last = only(numbers(10), (number) => number === 9);
    expect(await read(pages(last, { limit: 1 }))).toEqual({ items: [9] });
  });

  test.each(['0', '-1', '1.5', 'many', ''])('has no limit of %j', (text) => {
    expect(() => limit(text)).toThrow(/^--limit is/);
  });
});

describe('a user', () => {
  const key = (beginning: string) => beginning.padEnd(43, 'x');
  const user = (beginning: string): User => ({ user: key(beginning), firstSignInAt: 1, lastSignInAt: 1 });
  const known = ['abcdef1', 'abcdef2', 'other-1'].map(user);
  const directory = {
    recentUsers: async () => ({ items: known }),
    users: async () => known.map((each) => ({ ...each, sealedName: `sealed ${each.user}` })),
  } as unknown as Directory;
  const userNames = { open: async (sealed: string) => (sealed.includes('other') ? 'Ola' : 'Twin') } as never;
  const resolve = (given: string, change: Partial<Deployment> = {}) =>
    resolveUser({ directory, isDirect: false, ...change } as Deployment, given);

  test('is meant by the whole key, known or not, by its beginning, or by name', async () => {
    expect(await resolve(key('unheard-of'))).toBe(key('unheard-of'));
    expect(await resolve('other-')).toBe(key('other-1'));
    expect(await resolve('Ola', { userNames })).toBe(key('other-1'));
  });

  test('is not guessed where several may be meant: they are named', async () => {
    await expect(resolve('abcdef')).rejects.toThrow(
      `"abcdef" may be any of these; write more of the key:\n  ${key('abcdef1')}\n  ${key('abcdef2')}`,
    );
    await expect(resolve('Twin', { userNames })).rejects.toThrow(`${key('abcdef1')}  Twin`);
  });

  test('is not meant by too little, by a part of a name, or by a name that is not shown', async () => {
    await expect(resolve('other')).rejects.toThrow('At least six characters');
    await expect(resolve('Ol', { userNames })).rejects.toThrow('No user is called so');
    await expect(resolve('Ola')).rejects.toThrow(/^No user has a key/);
  });

  test('is known by sessions in direct mode, where nobody signs in here', async () => {
    const direct = {
      ...directory,
      recentUsers: async () => ({ items: [] }),
      recentSessions: async () => ({ items: [{ user: key('direct-1') }, { user: key('direct-1') }] }),
    } as unknown as Directory;
    expect(await resolve('direct', { directory: direct, isDirect: true })).toBe(key('direct-1'));
  });
});
