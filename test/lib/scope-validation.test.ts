import { checkScopes } from '../../lib/settings/scope-validation.ts';

const said = { description: 'Do something' };

test.each([
  ['there is no scope', { scopes: {}, tools: {} }],
  ['offline_access', { scopes: { offline_access: said }, tools: {} }],
  ['"two words" is no scope', { scopes: { 'two words': said }, tools: {} }],
  ['is no scope', { scopes: { 'mcp" error="x': said }, tools: {} }],
  ['the scope a names b', { scopes: { a: { ...said, includes: ['b'] } }, tools: {} }],
  ['the tool t names c', { scopes: { a: said }, tools: { t: ['c'] } }],
])('a declaration is refused at synth with what is wrong: %s', (wrong, declared) => {
  expect(() => checkScopes(declared)).toThrow(wrong);
});

test('a declaration that holds is taken', () => {
  const declared = { scopes: { a: said, 'b:write': { ...said, includes: ['a'] } }, tools: { t: ['b:write'] } };
  expect(() => checkScopes(declared)).not.toThrow();
});
