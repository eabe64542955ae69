import { onlyOne, synthesize } from '../support/synthesized-template.ts';

type ManagedRules = {
  Name: string;
  RuleActionOverrides?: { Name: string; ActionToUse: object }[];
  ScopeDownStatement?: object;
};
type Rule = { Name: string; OverrideAction?: object; Statement: { ManagedRuleGroupStatement?: ManagedRules } };

const rulesOf = (auditTools: boolean): Rule[] => {
  const domain = {
    domainName: 'mcp.example.com',
    certificate: 'arn:aws:acm:eu-west-1:111122223333:certificate/0a1b',
  };
  return onlyOne(synthesize({ firewall: true, auditTools, domain }), 'AWS::WAFv2::WebACL').Properties.Rules;
};
const Rules = rulesOf(false);

const knownBadInputs = Rules.filter(
  ({ Statement }) => Statement.ManagedRuleGroupStatement?.Name === 'AWSManagedRulesKnownBadInputsRuleSet',
);

const mcp = {
  RegexMatchStatement: {
    FieldToMatch: { UriPath: {} },
    RegexString: '^(/v1)?/mcp$',
    TextTransformations: [{ Priority: 0, Type: 'NONE' }],
  },
};

test('the firewall blocks known bad inputs on each path except /mcp', () => {
  const [others] = knownBadInputs;
  const { RuleActionOverrides, ScopeDownStatement } = others!.Statement.ManagedRuleGroupStatement!;
  expect(ScopeDownStatement).toEqual({ NotStatement: { Statement: mcp } });
  expect(RuleActionOverrides ?? []).toEqual([]);
  expect(others!.OverrideAction).toEqual({ None: {} });
});

test('the firewall counts known bad inputs in the body on /mcp, and blocks those in the rest of the request', () => {
  const [, endpoint] = knownBadInputs;
  const { RuleActionOverrides, ScopeDownStatement } = endpoint!.Statement.ManagedRuleGroupStatement!;
  expect(ScopeDownStatement).toEqual(mcp);
  expect(RuleActionOverrides!.every(({ Name }) => Name.endsWith('_BODY'))).toBe(true);
  expect(RuleActionOverrides).toContainEqual({ Name: 'Log4JRCE_BODY', ActionToUse: { Count: {} } });
  expect(RuleActionOverrides!.map(({ ActionToUse }) => ActionToUse)).toEqual(
    RuleActionOverrides!.map(() => ({ Count: {} })),
  );
  expect(endpoint!.OverrideAction).toEqual({ None: {} });
});

test('the firewall treats the endpoint of the audit tools as /mcp', () => {
  const scopes = JSON.stringify(rulesOf(true)).match(/"RegexString":"[^"]*"/g)!;
  expect(scopes).toHaveLength(2);
  for (const each of scopes) {
    const { RegexString } = JSON.parse(`{${each}}`);
    const matches = ['/mcp', '/v1/mcp', '/mcp/audit', '/v1/mcp/audit', '/mcp/other', '/mcp/audit/x'].map((path) =>
      new RegExp(RegexString).test(path),
    );
    expect(matches).toEqual([true, true, true, true, false, false]);
  }
});
