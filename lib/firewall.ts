import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { CfnWebACL, CfnWebACLAssociation } from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';

/** Requests that one address may make in five minutes: an office behind one address gets by, a flood does not. */
const REQUESTS_PER_FIVE_MINUTES = 2000;

/**
 * Rules of the common set that would refuse what MCP and OAuth are made of. They count instead of blocking.
 * @see https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-baseline.html
 */
const countedOnly = [
  // Tool arguments: over 8 KB, and with URLs, paths and markup in them.
  'SizeRestrictions_BODY',
  'EC2MetaDataSSRF_BODY',
  'GenericLFI_BODY',
  'GenericRFI_BODY',
  'CrossSiteScripting_BODY',
  // Programs are clients too.
  'NoUserAgent_HEADER',
  // `redirect_uri=http://127.0.0.1:…`, and the long codes of some identity providers.
  'GenericRFI_QUERYARGUMENTS',
  'SizeRestrictions_QUERYSTRING',
];

/** AWS WAF in front of the API: a limit for each address, addresses of ill repute, known exploits, the common rules. */
export class Firewall extends Construct {
  constructor(scope: Construct, id: string, props: { api: RestApi }) {
    super(scope, id);
    const rules = [
      rule('PerAddress', {
        action: { block: {} },
        statement: {
          rateBasedStatement: { aggregateKeyType: 'IP', limit: REQUESTS_PER_FIVE_MINUTES, evaluationWindowSec: 300 },
        },
      }),
      rule('Reputation', managed('AWSManagedRulesAmazonIpReputationList')),
      rule('KnownBadInputs', managed('AWSManagedRulesKnownBadInputsRuleSet')),
      rule('Common', managed('AWSManagedRulesCommonRuleSet', countedOnly)),
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

function managed(name: string, counted: string[] = []): Omit<Rule, 'name' | 'visibilityConfig'> {
  return {
    overrideAction: { none: {} },
    statement: {
      managedRuleGroupStatement: {
        vendorName: 'AWS',
        name,
        ruleActionOverrides: counted.map((each) => ({ name: each, actionToUse: { count: {} } })),
      },
    },
  };
}

/** Metrics yes; samples no, because a sampled request is kept with its headers, and those hold tokens. */
function visibility(metricName: string): CfnWebACL.VisibilityConfigProperty {
  return { metricName, cloudWatchMetricsEnabled: true, sampledRequestsEnabled: false };
}
