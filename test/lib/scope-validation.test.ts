import { resolveSettings } from '../../lib/settings/holdfast-settings.ts';

const scope = { description: 'Do something' };

test.each([
  ['scopes is empty', { scopes: {}, tools: {} }],
  ['offline_access', { scopes: { offline_access: scope }, tools: {} }],
  ['"two words" is not a valid scope', { scopes: { 'two words': scope }, tools: {} }],
  ['is not a valid scope', { scopes: { 'mcp" error="x': scope }, tools: {} }],
  ['the scope a names b', { scopes: { a: { ...scope, includes: ['b'] } }, tools: {} }],
  ['the tool t names c', { scopes: { a: scope }, tools: { t: ['c'] } }],
  ['the tool t names c', { scopes: { a: scope }, tools: { t: { scopes: ['c'] } } }],
  ['the tool t has no group', { scopes: { a: scope }, tools: { t: { groups: [] } } }],
  ['the tool t names the group ""', { scopes: { a: scope }, tools: { t: { groups: ['g', ''] } } }],
])('an invalid declaration is rejected with its error: %s', (error, declared) => {
  expect(() => resolveSettings({ scopes: declared })).toThrow(error);
});

test('a valid declaration is accepted', () => {
  const declared = {
    scopes: { a: scope, 'b:write': { ...scope, includes: ['a'] } },
    tools: { t: ['b:write'], u: { scopes: ['a'], groups: ['g'] } },
  };
  expect(() => resolveSettings({ scopes: declared })).not.toThrow();
});
