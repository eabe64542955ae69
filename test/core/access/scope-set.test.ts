import fc from 'fast-check';
import {
  declareScopes,
  effectiveScopes,
  hasToolScopes,
  missingScopes,
  stepUpChallenge,
} from '../../../lambda/shared/scope-set.ts';

const set = declareScopes({
  scopes: {
    mcp: { description: 'Use the tools' },
    write: { description: 'Change things' },
    admin: { description: 'Everything', includes: ['write', 'mcp'] },
    root: { description: 'Everything and more', includes: ['admin', 'root'] },
  },
  tools: { save: ['write'], wipe: ['admin', 'write'] },
});

test.each([
  [['mcp'], 'read', undefined],
  [['mcp'], 'save', ['mcp', 'write']],
  [['mcp', 'write'], 'save', undefined],
  [['admin'], 'save', undefined],
  [['root'], 'wipe', undefined],
  [['mcp', 'write'], 'wipe', ['mcp', 'write', 'admin']],
  [[], 'read', ['mcp']],
  [['forgotten', 'mcp'], 'save', ['mcp', 'write']],
  [['mcp'], 'constructor', undefined],
  [['__proto__'], 'read', ['mcp']],
])('with %j the tool %s lacks %j', (granted, tool, missing) => {
  expect(missingScopes(granted, tool, set)).toEqual(missing);
});

test('granting what the challenge asks for is always enough', () => {
  const scope = fc.constantFrom('mcp', 'write', 'admin', 'root', 'unknown');
  fc.assert(
    fc.property(fc.array(scope), fc.constantFrom('read', 'save', 'wipe'), (granted, tool) => {
      const missing = missingScopes(granted, tool, set);
      if (missing) expect(missingScopes(missing, tool, set)).toBeUndefined();
    }),
  );
});

test('a scope that is granted stays, whatever else is', () => {
  const scope = fc.constantFrom('mcp', 'write', 'admin', 'root');
  fc.assert(
    fc.property(fc.array(scope), scope, (granted, more) => {
      const all = effectiveScopes([...granted, more], set);
      for (const each of effectiveScopes(granted, set)) expect(all.has(each)).toBe(true);
    }),
  );
});

test('only tools that need more make the answer about a token depend on the tool', () => {
  expect(hasToolScopes(set)).toBe(true);
  expect(hasToolScopes(declareScopes({ scopes: { mcp: { description: '' } }, tools: { read: [] } }))).toBe(false);
});

test('the challenge names the scopes and where to ask for them', () => {
  expect(stepUpChallenge(['mcp', 'write'], 'https://h/.well-known/oauth-protected-resource/mcp')).toBe(
    'Bearer error="insufficient_scope", scope="mcp write", resource_metadata="https://h/.well-known/oauth-protected-resource/mcp"',
  );
});
