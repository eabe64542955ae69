import { EXPORT_PROGRESS, type ItemKind, indexPrefix, keyPrefix } from '../../lambda/shared/table-keys.ts';
import { resourcesOf, type SynthesizedTemplate, synthesize } from '../support/synthesized-template.ts';

/**
 * Least privilege, by function: each action with the items, key or resource that it may be used on, and its conditions. A union
 * of the actions and one of the prefixes would permit every action on every prefix.
 */

type Statement = {
  Effect: string;
  Action: string | string[];
  Resource: unknown;
  Condition?: object;
};

const listOf = <T>(value: T | T[]): T[] => [value].flat() as T[];

/** The logical id without its suffix, and the rest of the ARN. */
function resourceName(resource: unknown): string {
  if (typeof resource === 'string') return resource;
  const [[name, argument] = []] = Object.entries(resource as object);
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(resourceName).join('');
  const [id] = listOf(argument as string | string[]);
  return id!.replace(/[0-9A-F]{8}$/, '');
}

/** The keys of the items or the purposes of the sealed data that a statement permits; throws for another condition. */
function conditionValues(condition: object | undefined): string[] {
  if (condition === undefined) return [];
  const text = JSON.stringify(condition);
  const [, keys] =
    /^\{"ForAllValues:StringLike":\{"dynamodb:LeadingKeys":(\[.+?\])\},"Null":\{"dynamodb:LeadingKeys":"false"\}\}$/.exec(
      text,
    ) ??
    /^\{"StringEquals":\{"kms:EncryptionContext:purpose":(\[.+?\])\}\}$/.exec(text) ??
    [];
  if (keys === undefined) throw new Error(`The condition ${text} is not one of the stack: add it to this test`);
  return JSON.parse(keys);
}

/** Such as `GetItem Table G#*`: the action, the resource, and the value of the condition. */
function triplesOf({ Effect, Action, Resource, Condition }: Statement): string[] {
  expect(Effect).toBe('Allow');
  const values = Condition === undefined ? [''] : conditionValues(Condition).map((value) => ` ${value}`);
  return listOf(Action).flatMap((action) =>
    listOf(Resource).flatMap((resource) =>
      values.map((value) => `${action.replace('dynamodb:', '')} ${resourceName(resource)}${value}`),
    ),
  );
}

function triplesByFunction(template: SynthesizedTemplate): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [, { Properties }] of resourcesOf(template, 'AWS::IAM::Policy')) {
    for (const { Ref } of Properties.Roles as { Ref: string }[]) {
      const name = Ref.replace(/Role[0-9A-F]{8}$/, '');
      const triples = (Properties.PolicyDocument.Statement as Statement[]).flatMap(triplesOf);
      found[name] = [...(found[name] ?? []), ...triples].sort();
    }
  }
  return found;
}

/** Each of the actions on each of the kinds of items. */
const on = (actions: string, ...kinds: ItemKind[]) =>
  actions.split(' ').flatMap((action) => kinds.map((kind) => `${action} Table ${keyPrefix[kind]}*`));
const onKey = (actions: string, purpose: string) =>
  actions.split(' ').map((action) => `${action} Table ${keyPrefix.sealedKey}${purpose}`);
const seal = (...purposes: string[]) =>
  purposes.flatMap((purpose) => [`kms:Decrypt SealKey ${purpose}`, `kms:GenerateDataKey SealKey ${purpose}`]);
const logs = (name: string) => [`logs:CreateLogStream ${name}Logs`, `logs:PutLogEvents ${name}Logs`];

const secret = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:holdfast-AbCdEf';
const readSecret = `secretsmanager:GetSecretValue ${secret}`;

const server = [
  ...on('BatchGetItem', 'grant', 'sessions'),
  ...on('PutItem UpdateItem', 'sessions'),
  ...on('GetItem DeleteItem', 'importedSessions'),
  ...on('GetItem PutItem Query ConditionCheckItem', 'executions'),
  ...on('PutItem Query', 'changes'),
  ...on('PutItem', 'calls', 'callMarkers'),
  ...on('GetItem PutItem UpdateItem DeleteItem Query', 'state'),
  ...onKey('GetItem PutItem', 'request-state'),
  ...seal('request-state'),
];
/** With the setting `upstreamTokens`. */
const upstreamTokens = [...on('GetItem UpdateItem', 'upstreamTokens'), ...seal('upstream'), readSecret];

const invokeWorker = 'lambda:InvokeFunction WorkerFunction';

const everything: Record<string, string[]> = {
  Authorizer: logs('Authorizer'),
  Mcp: [...logs('Mcp'), ...server, ...upstreamTokens, invokeWorker],
  Worker: [...logs('Worker'), ...server, ...upstreamTokens],
  OAuth: [
    ...logs('OAuth'),
    ...on(
      'GetItem BatchGetItem PutItem UpdateItem DeleteItem',
      ...(['client', 'clientDocument', 'rateLimit', 'spentAssertion', 'authorizationRequest', 'signIn'] as const),
      ...(['code', 'grant', 'upstreamTokens', 'user', 'sealedKey'] as const),
    ),
    // Of the transaction that starts a dashboard session.
    ...on('PutItem UpdateItem', 'signIn', 'user', 'dashboardSessions'),
    `Query Table/index/recent ${indexPrefix.endedTokens}*`,
    'kms:Sign SigningKey',
    ...seal('upstream', 'refresh-mac', 'user-names'),
    readSecret,
  ],
  Dashboard: [
    ...logs('Dashboard'),
    ...on('GetItem BatchGetItem Query', 'grant', 'sessions', 'calls', 'aggregates', 'dashboardSessions', 'user'),
    ...on('Query', 'callMarkers', 'upstreamTokens', 'importedSessions', 'executions', 'changes', 'state'),
    ...on('UpdateItem', 'grant', 'sessions', 'upstreamTokens', 'executions'),
    ...on('DeleteItem', 'grant', 'sessions', 'calls', 'dashboardSessions', 'user', 'code'),
    ...on('DeleteItem', 'upstreamTokens', 'importedSessions', 'executions', 'changes', 'state'),
    `Query Table/index/byUser ${indexPrefix.byUser}*`,
    `Query Table/index/recent ${indexPrefix.recentSessions}*`,
    `Query Table/index/recent ${indexPrefix.recentGrants}*`,
    `Query Table/index/recent ${indexPrefix.recentUsers}*`,
    ...onKey('GetItem PutItem', 'user-names'),
    ...seal('user-names'),
  ],
  PublicKeys: [...logs('PublicKeys'), 'kms:GetPublicKey SigningKey'],
  Rollup: [...logs('Rollup'), ...on('Query', 'calls', 'callMarkers'), ...on('GetItem PutItem Query', 'aggregates')],
  Telemetry: [
    ...logs('Telemetry'),
    ...on('Query', 'calls', 'callMarkers'),
    `GetItem Table ${keyPrefix.aggregates}${EXPORT_PROGRESS}`,
    `PutItem Table ${keyPrefix.aggregates}${EXPORT_PROGRESS}`,
    readSecret,
  ],
};

/** With the setting `auditTools`. */
const auditTools = [
  ...logs('AuditTools'),
  ...on('BatchGetItem', 'grant', 'sessions', 'calls'),
  ...on('PutItem UpdateItem', 'sessions'),
  ...on('GetItem DeleteItem', 'importedSessions'),
  ...on('GetItem PutItem Query ConditionCheckItem', 'executions'),
  ...on('PutItem Query', 'calls', 'callMarkers'),
  ...on('GetItem Query', 'aggregates'),
  `Query Table/index/byUser ${indexPrefix.byUser}*`,
  `Query Table/index/recent ${indexPrefix.recentSessions}*`,
  `Query Table/index/recent ${indexPrefix.recentUsers}*`,
];

/** In direct mode with a client id. */
const directDashboard: Record<string, string[]> = {
  SignIn: [
    ...logs('SignIn'),
    ...on('GetItem DeleteItem', 'signIn'),
    ...on('PutItem UpdateItem', 'signIn', 'user', 'dashboardSessions'),
    ...onKey('GetItem PutItem', 'user-names'),
    ...seal('user-names'),
    readSecret,
  ],
  Dashboard: [...everything.Dashboard!, ...on('PutItem', 'grant')],
};

const sorted = (triples: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(triples).map(([name, each]) => [name, each.toSorted()]));

test('each function has its actions on its items, keys and resources alone, with every feature', () => {
  const identityProvider = { issuer: 'https://login.example.com', clientId: 'holdfast', clientSecret: secret };
  const telemetry = { endpoint: 'https://otlp.example.com', headers: secret };
  const features = { upstreamTokens: true, showNames: 'name', auditTools: true } as const;
  const template = synthesize({ ...features, identityProvider, telemetry });
  expect(triplesByFunction(template)).toEqual(sorted({ ...everything, AuditTools: auditTools }));
});

test('the functions of a dashboard in direct mode have their actions alone', () => {
  const identityProvider = {
    mode: 'direct',
    issuer: 'https://login.example.com',
    clientId: 'holdfast',
    clientSecret: secret,
  } as const;
  const { SignIn, Dashboard } = triplesByFunction(synthesize({ showNames: 'name', identityProvider }));
  expect({ SignIn, Dashboard }).toEqual(sorted(directDashboard));
});

test('a deployment with defaults has no permission of a feature that it does not use', () => {
  const ofFeatures = new Set([...upstreamTokens, ...onKey('GetItem PutItem', 'user-names'), ...seal('user-names')]);
  // The OAuth function always seals the tokens of sign-ins.
  const ofSignIn = new Set([...on('GetItem UpdateItem', 'upstreamTokens'), ...seal('upstream')]);
  const expected = Object.fromEntries(
    Object.entries(everything).map(([name, triples]) => [
      name,
      triples.filter((each) => !ofFeatures.has(each) || (name === 'OAuth' && ofSignIn.has(each))),
    ]),
  );
  delete expected.Telemetry;
  // An erasure reads and ends the tokens of users in any case.
  expected.Dashboard = [...expected.Dashboard!, ...on('UpdateItem', 'upstreamTokens')];
  expect(triplesByFunction(synthesize())).toEqual(sorted(expected));
});
