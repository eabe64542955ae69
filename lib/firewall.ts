import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import { STAGE_NAME } from './rest-api.ts';

/** The rate limit of an IP address in requests per five minutes: sufficient for an office behind one address. */
const REQUESTS_PER_FIVE_MINUTES = 2000;

/**
 * Rules of the common rule set that would block MCP and OAuth requests. They count instead of blocking.
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 */
const countedRules = [
  // Tool arguments exceed 8 KB, and contain URLs, paths and markup.
  'SizeRestrictions_BODY',
  'EC2MetaDataSSRF_BODY',
  'GenericLFI_BODY',
  'GenericRFI_BODY',
  'CrossSiteScripting_BODY',
  // MCP clients are programs, and some send no User-Agent.
  'NoUserAgent_HEADER',
  // `redirect_uri=http://127.0.0.1:…`, and the long authorization codes of some identity providers.
  'GenericRFI_QUERYARGUMENTS',
  'SizeRestrictions_QUERYSTRING',
];

/** The rules of the known bad inputs that inspect the body: tool arguments may quote an attack, such as `${jndi:…}` in a log. */
const bodyRules = ['JavaDeserializationRCE_BODY', 'Log4JRCE_BODY', 'ReactJSRCE_BODY'];

/** The paths of the MCP endpoints, with or without the stage of the API. */
const isMcp = (auditTools: boolean): CfnWebACL.StatementProperty => ({
  regexMatchStatement: {
    fieldToMatch: { uriPath: {} },
    regexString: `^(/${STAGE_NAME})?/mcp${auditTools ? '(/audit)?' : ''}$`,
    textTransformations: [{ priority: 0, type: 'NONE' }],
  },
});

/** AWS WAF in front of the API: a rate limit per IP address, and the managed rules for reputation, exploits and the web. */
export class Firewall extends Construct {
  /** @param props.auditTools whether the API has the endpoint of the audit tools */
  constructor(scope: Construct, id: string, props: { api: RestApi; auditTools: boolean }) {
    super(scope, id);
    const mcp = isMcp(props.auditTools);
    const rules = [
      rule('PerAddress', {
        action: { block: {} },
        statement: {
          rateBasedStatement: { aggregateKeyType: 'IP', limit: REQUESTS_PER_FIVE_MINUTES, evaluationWindowSec: 300 },
        },
      }),
      rule('Reputation', managed('AWSManagedRulesAmazonIpReputationList')),
      rule('KnownBadInputs', managed('AWSManagedRulesKnownBadInputsRuleSet', [], { notStatement: { statement: mcp } })),
      rule('KnownBadInputsMcp', managed('AWSManagedRulesKnownBadInputsRuleSet', bodyRules, mcp)),
      rule('Common', managed('AWSManagedRulesCommonRuleSet', countedRules)),
    ];
    const acl = new CfnWebACL(this, 'WebAcl', {
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: visibility('Holdfast'),
      rules: rules.map((each, priority) => ({ ...each, priority })),
    });
    new CfnWebACLAssociation(this, 'Association', {
      webAclArn: acl.attrArn,
      resourceArn: props.api.deploymentStage.stageArn,
    });
  }
}

type Rule = Omit<CfnWebACL.RuleProperty, 'priority'>;

function rule(name: string, rest: Omit<Rule, 'name' | 'visibilityConfig'>): Rule {
  return { name, visibilityConfig: visibility(name), ...rest };
}

/**
 * @param counted rules that count instead of blocking
 * @param scopeDownStatement the requests that the rules inspect; all without it
 */
function managed(
  name: string,
  counted: string[] = [],
  scopeDownStatement?: CfnWebACL.StatementProperty,
): Omit<Rule, 'name' | 'visibilityConfig'> {
  return {
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        ruleActionOverrides: counted.map((each) => ({ name: each, actionToUse: { count: {} } })),
        scopeDownStatement,
      },
    },
  };
}

/** No sampled requests: WAF stores them with their headers, which contain tokens. */
function visibility(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false };
}
