import { groupReader } from '../../../lambda/core/identity/upstream-provider.ts';

/** The groups of a user that Holdfast keeps, from the claims of a token. */

const numbered = (count: number, name = 'team') => Array.from({ length: count }, (_, index) => `${name}-${index}`);

/** @returns the groups in the claim `groups`, and what was logged */
function read(groups: unknown, kept: string[], prefix?: string) {
  const events: unknown[] = [];
  const groupsIn = groupReader({ claims: ['groups'], kept, prefix }, (...event) => events.push(event));
  return { groups: groupsIn({ groups }), events };
}

test('groups are read from an array and from a single string, each once', () => {
  const groupsIn = groupReader({ claims: ['roles', 'role'], kept: ['*'] }, () => undefined);
  expect(groupsIn({ roles: ['admin', 7, 'member'], role: 'member' })).toEqual(['admin', 'member']);
});

test('claims without a group claim state no groups, and an empty group claim states that there are none', () => {
  const groupsIn = groupReader({ claims: ['groups'], kept: ['*'] }, () => undefined);
  expect(groupsIn({ sub: 'ada' })).toBeUndefined();
  expect(groupsIn({ groups: [] })).toEqual([]);
});

test('a provider without group claims states that there are none', () => {
  expect(groupReader({ claims: [], kept: ['*'] }, () => undefined)({ groups: ['staff'] })).toEqual([]);
});

test.each<[string[], string[]]>([
  [['staff'], ['staff']],
  [['team-*'], ['team-a', 'team-b']],
  [
    ['team-b', 'team-*'],
    ['team-b', 'team-a'],
  ],
  [['*'], ['team-a', 'staff', 'team-b', 'Team-c']],
  [['team'], []],
  [[], []],
])('of the groups of a user, %j keeps %j', (kept, expected) => {
  expect(read(['team-a', 'staff', 'team-b', 'Team-c'], kept)).toEqual({ groups: expected, events: [] });
});

test('the prefix is removed once from each group that has it', () => {
  expect(read(['/admins', 'staff', '//odd', '/a/b'], ['*'], '/').groups).toEqual(['admins', 'staff', '/odd', 'a/b']);
});

test('of 12,000 groups at most 50 are kept, those that settings name first, and the omission is logged', () => {
  const { groups, events } = read([...numbered(11_999), 'admins'], ['admins', '*']);
  expect(groups).toEqual(['admins', ...numbered(49)]);
  expect(events).toEqual([['groups_omitted', { kept: 50, omitted: 11_950 }]]);
});

test('groups of which no setting names any are not kept and not logged as omitted', () => {
  expect(read(numbered(12_000), ['admins'])).toEqual({ groups: [], events: [] });
});

test('the kept groups of a user have 2,048 bytes of UTF-8 at most', () => {
  const long = numbered(20, 'ü'.repeat(120));
  const { groups, events } = read([...long, 'short'], ['*']);
  expect(groups).toEqual([...long.slice(0, 8), 'short']);
  expect(events).toEqual([['groups_omitted', { kept: 9, omitted: 12 }]]);
});
