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
])('with the scopes %j the tool %s lacks %j', (granted, tool, missing) => {
  expect(missingScopes(granted, tool, set)).toEqual(missing);
});

test('the scopes of a challenge are always sufficient', () => {
  const scope = fc.constantFrom('mcp', 'write', 'admin', 'root', 'unknown');
  fc.assert(
    fc.property(fc.array(scope), fc.constantFrom('read', 'save', 'wipe'), (granted, tool) => {
      const missing = missingScopes(granted, tool, set);
      if (missing) expect(missingScopes(missing, tool, set)).toBeUndefined();
    }),
  );
});

test('granting another scope removes none', () => {
  const scope = fc.constantFrom('mcp', 'write', 'admin', 'root');
  fc.assert(
    fc.property(fc.array(scope), scope, (granted, more) => {
      const all = effectiveScopes([...granted, more], set);
      for (const each of effectiveScopes(granted, set)) expect(all.has(each)).toBe(true);
    }),
  );
});

test('hasToolScopes is true exactly if a tool needs more than the default scope', () => {
  expect(hasToolScopes(set)).toBe(true);
  expect(hasToolScopes(declareScopes({ scopes: { mcp: { description: '' } }, tools: { read: [] } }))).toBe(false);
  const ofGroup = { scopes: { mcp: { description: '' } }, tools: { read: { groups: ['staff'] } } };
  expect(hasToolScopes(declareScopes(ofGroup))).toBe(false);
});

test('the challenge contains the scopes and the metadata URL', () => {
  expect(stepUpChallenge(['mcp', 'write'], 'https://h/.well-known/oauth-protected-resource/mcp')).toBe(
    'Bearer error="insufficient_scope", scope="mcp write", resource_metadata="https://h/.well-known/oauth-protected-resource/mcp"',
  );
});
