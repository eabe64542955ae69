/** Which resources of a template hold state, and which changes of a template lose it. */

export type TemplateResource = {
  Type: string;
  Properties?: Record<string, unknown>;
  DeletionPolicy?: string;
  UpdateReplacePolicy?: string;
};

type Rule = {
  /** Properties whose change replaces the resource, loses data, or is rejected (CloudFormation reference, "Update requires"). */
  fixed: readonly string[];
  /** Lists that may become longer. Elements must stay as they are. */
  growing?: readonly string[];
};

/** Resources that hold state, and those with the public address, which clients store. */
const statefulTypes: Record<string, Rule> = {
  'AWS::ApiGateway::DomainName': { fixed: ['DomainName'] },
  'AWS::CloudFront::Distribution': { fixed: [] },
  'AWS::Cognito::UserPool': {
    fixed: ['AliasAttributes', 'UsernameAttributes', 'UsernameConfiguration'],
    growing: ['Schema'],
  },
  'AWS::Cognito::UserPoolClient': { fixed: ['GenerateSecret', 'UserPoolId'] },
  'AWS::Cognito::UserPoolDomain': { fixed: ['Domain', 'UserPoolId'] },
  'AWS::Cognito::UserPoolGroup': { fixed: ['GroupName', 'UserPoolId'] },
  'AWS::DynamoDB::GlobalTable': {
    fixed: ['KeySchema', 'LocalSecondaryIndexes', 'TableName', 'TimeToLiveSpecification'],
    growing: ['AttributeDefinitions', 'GlobalSecondaryIndexes'],
  },
  'AWS::KMS::Key': { fixed: ['KeySpec', 'KeyUsage', 'MultiRegion', 'Origin'] },
  'AWS::Logs::LogGroup': { fixed: ['LogGroupClass', 'LogGroupName'] },
  'AWS::SecretsManager::Secret': { fixed: ['GenerateSecretString', 'Name', 'SecretString'] },
  'AWS::SNS::Subscription': { fixed: ['Endpoint', 'Protocol', 'TopicArn'] },
  'AWS::SNS::Topic': { fixed: ['FifoTopic', 'TopicName'] },
};

/** Resources that CloudFormation can create again without a loss. */
const statelessTypes: readonly string[] = [
  'AWS::ApiGateway::Account',
  'AWS::ApiGateway::Authorizer',
  'AWS::ApiGateway::BasePathMapping',
  'AWS::ApiGateway::Deployment',
  'AWS::ApiGateway::GatewayResponse',
  'AWS::ApiGateway::Method',
  'AWS::ApiGateway::Resource',
  'AWS::ApiGateway::RestApi',
  'AWS::ApiGateway::Stage',
  'AWS::CDK::Metadata',
  'AWS::CloudFront::CachePolicy',
  'AWS::CloudWatch::Alarm',
  'AWS::CloudWatch::Dashboard',
  'AWS::Cognito::ManagedLoginBranding',
  'AWS::Events::Rule',
  'AWS::IAM::Policy',
  'AWS::IAM::Role',
  'AWS::Lambda::EventInvokeConfig',
  'AWS::Lambda::Function',
  'AWS::Lambda::Permission',
  'AWS::Route53::RecordSet',
  'AWS::SNS::TopicPolicy',
  'AWS::WAFv2::WebACL',
  'AWS::WAFv2::WebACLAssociation',
  'Custom::PublicKeys',
];

/** @throws Error for a type that is in neither list */
function ruleOf(type: string): Rule | undefined {
  const rule = statefulTypes[type];
  if (rule === undefined && !statelessTypes.includes(type)) {
    throw new Error(`${type} is in neither list of test/upgrade/stateful-resources.ts: add it to one`);
  }
  return rule;
}

/** The resources with state, with the properties that must not change. */
export function statefulResources(resources: Record<string, TemplateResource>): Record<string, TemplateResource> {
  const stateful = Object.entries(resources).flatMap(([id, { Type, Properties = {}, ...policies }]) => {
    const rule = ruleOf(Type);
    if (rule === undefined) return [];
    const watched = [...rule.fixed, ...(rule.growing ?? [])].filter((name) => Properties[name] !== undefined);
    const { DeletionPolicy, UpdateReplacePolicy } = policies;
    const properties = Object.fromEntries(watched.map((name) => [name, Properties[name]]));
    return [[id, { Type, DeletionPolicy, UpdateReplacePolicy, Properties: properties }] as const];
  });
  return Object.fromEntries(stateful.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** @returns a sentence for each change by which an upgrade from the released resources loses state */
export function lossesOf(
  released: Record<string, TemplateResource>,
  current: Record<string, TemplateResource>,
): string[] {
  const resources = statefulResources(current);
  return Object.entries(released).flatMap(([id, before]) => {
    const name = `${id} (${before.Type})`;
    const now = resources[id];
    if (now?.Type !== before.Type) return [`${name} is missing, so an upgrade deletes it`];
    const { fixed, growing = [] } = statefulTypes[before.Type]!;
    const was = (value: unknown) => `was ${JSON.stringify(value)}`;
    return [
      ...(['DeletionPolicy', 'UpdateReplacePolicy'] as const)
        .filter((policy) => effectOnExisting(now[policy]) !== effectOnExisting(before[policy]))
        .map((policy) => `${name}: ${policy} is ${now[policy]}, ${was(before[policy])}`),
      ...fixed
        .filter((property) => !isEqual(now.Properties![property], before.Properties![property]))
        .map(
          (property) =>
            `${name}: ${property} is ${JSON.stringify(now.Properties![property])}, ${was(before.Properties![property])}`,
        ),
      ...growing.flatMap((property) => {
        const elements = (now.Properties![property] ?? []) as unknown[];
        const lost = ((before.Properties![property] ?? []) as unknown[]).filter(
          (element) => !elements.some((each) => isEqual(each, element)),
        );
        return lost.map((element) => `${name}: ${property} lacks ${JSON.stringify(element)}`);
      }),
    ];
  });
}

/** `RetainExceptOnCreate` differs from `Retain` only until the deployment that creates the resource has succeeded. */
const effectOnExisting = (policy: string | undefined) => (policy === 'RetainExceptOnCreate' ? 'Retain' : policy);

const isEqual = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
