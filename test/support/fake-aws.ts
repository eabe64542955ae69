import { createHash, createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

export type AwsReply = { status?: number; code?: string; body: object | string };

export const SECRET_ACCESS_KEY = 'the-secret-key';

/** A response of the XML protocols, or of JSON. */
const reply = (body: object | string): AwsReply => ({ body });

/** As an AWS service denies an action. */
export const denied: AwsReply = {
  status: 403,
  code: 'AccessDeniedException',
  body: { message: 'User: arn:aws:iam::111122223333:user/ada is not authorized to perform this action' },
};

const NOT_FOUND: AwsReply = { status: 404, code: 'UnknownOperationException', body: { message: 'Unknown operation' } };

/** The responses of a new account that has been bootstrapped and verified. */
const ready = (): Record<string, AwsReply | ((input: Record<string, unknown>) => AwsReply)> => ({
  'sts GetCallerIdentity': reply(
    '<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::111122223333:user/ada</Arn><UserId>AIDA</UserId><Account>111122223333</Account></GetCallerIdentityResult></GetCallerIdentityResponse>',
  ),
  'ssm GetParameter': reply({ Parameter: { Name: '/cdk-bootstrap/hnb659fds/version', Value: '28' } }),
  'lambda GET /2016-08-19/account-settings': reply({
    AccountLimit: { ConcurrentExecutions: 1000, UnreservedConcurrentExecutions: 1000 },
  }),
  'apigateway GET /account': reply({ cloudwatchRoleArn: 'arn:aws:iam::111122223333:role/api-logs', features: [] }),
  'apigateway GET /domainnames/mcp.example.com': {
    status: 404,
    code: 'NotFoundException',
    body: { message: 'Invalid domain name identifier specified' },
  },
  'cloudfront GET /2020-05-31/distribution': reply(
    '<DistributionList><Marker></Marker><MaxItems>100</MaxItems><IsTruncated>false</IsTruncated><Quantity>1</Quantity></DistributionList>',
  ),
  'cloudfront GET /2020-05-31/cache-policy': reply(policyList('CachePolicy', [])),
  'cloudfront GET /2020-05-31/origin-request-policy': reply(policyList('OriginRequestPolicy', [])),
  'acm DescribeCertificate': reply(certificate()),
  'route53 GET /2013-04-01/hostedzone/Z0123456789': reply(hostedZone('example.com.')),
  'route53 GET /2013-04-01/hostedzone/Z0123456789/rrset': reply(recordSets([])),
  'servicequotas GetServiceQuota': reply({ Quota: { QuotaName: 'User pools per account', Value: 1000 } }),
  'cognito-idp ListUserPools': reply({ UserPools: [] }),
  'secretsmanager DescribeSecret': reply({ VersionIdsToStages: { v1: ['AWSCURRENT'] } }),
  'secretsmanager GetSecretValue': reply({ SecretString: 'the client secret' }),
});

/** @param policies id and name of each */
export function policyList(element: string, policies: [id: string, name: string][]): string {
  const items = policies.map(
    ([id, name]) =>
      `<${element}Summary><Type>custom</Type><${element}><Id>${id}</Id><${element}Config><Name>${name}</Name></${element}Config></${element}></${element}Summary>`,
  );
  return `<${element}List><Quantity>${policies.length}</Quantity><Items>${items.join('')}</Items></${element}List>`;
}

export const certificate = (change: object = {}) => ({
  Certificate: {
    Status: 'ISSUED',
    SubjectAlternativeNames: ['mcp.example.com'],
    NotAfter: Date.UTC(2027, 10, 1) / 1000,
    RenewalEligibility: 'ELIGIBLE',
    ...change,
  },
});

export const hostedZone = (name: string, isPrivate = false) =>
  `<GetHostedZoneResponse><HostedZone><Id>/hostedzone/Z0123456789</Id><Name>${name}</Name><Config><PrivateZone>${isPrivate}</PrivateZone></Config></HostedZone></GetHostedZoneResponse>`;

export const recordSets = (records: [name: string, type: string][]) =>
  `<ListResourceRecordSetsResponse><ResourceRecordSets>${records
    .map(([name, type]) => `<ResourceRecordSet><Name>${name}</Name><Type>${type}</Type></ResourceRecordSet>`)
    .join('')}</ResourceRecordSets></ListResourceRecordSetsResponse>`;

/**
 * The services that `preflight` asks, except CloudFormation. Rejects requests whose signature is not that of
 * `SECRET_ACCESS_KEY`.
 */
export class FakeAws {
  readonly endpoint: string;
  readonly #server: Server;
  /** By service and operation, or service, method and path without the query. A test changes them. */
  replies = ready();
  /** Leaves these requests without a response. */
  readonly silent = new Set<string>();
  /** The names of the requests, and the region that they are signed for. */
  readonly requests: { name: string; region: string }[] = [];

  private constructor(server: Server) {
    this.#server = server;
    this.endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeAws> {
    const server = createServer(async (request, response) => {
      const answer = await fake.#answer(request);
      if (answer === undefined) return;
      const { status = 200, code, body } = answer;
      const isXml = typeof body === 'string';
      response.writeHead(status, {
        'content-type': isXml ? 'text/xml' : 'application/json',
        ...(code !== undefined && !isXml && { 'x-amzn-errortype': code }),
      });
      response.end(isXml ? body : JSON.stringify(body));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const fake = new FakeAws(server);
    return fake;
  }

  reset(): void {
    this.replies = ready();
    this.silent.clear();
    this.requests.length = 0;
  }

  stop(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #answer(request: IncomingMessage): Promise<AwsReply | undefined> {
    const body = await text(request);
    const { method, url, headers } = request;
    const [, region, service] = /Credential=[^/]+\/\d+\/([^/]+)\/([^/]+)\//.exec(headers.authorization ?? '') ?? [];
    const operation = String(headers['x-amz-target'] ?? '').split('.')[1] ?? new URLSearchParams(body).get('Action');
    const path = url!.split('?')[0]!.replace(/(?<=.)\/$/, '');
    const name = `${service} ${operation ?? `${method} ${path}`}`;
    this.requests.push({ name, region: region! });
    if (this.silent.has(name)) return undefined;
    if (!isSigned(request, body)) return { status: 403, code: 'SignatureDoesNotMatch', body: { message: name } };
    const answer = this.replies[name] ?? NOT_FOUND;
    return typeof answer === 'function' ? answer(body.startsWith('{') ? JSON.parse(body) : {}) : answer;
  }
}

/** Signature Version 4, written here from its specification and not with the package that signs. */
function isSigned({ method, url, headers }: IncomingMessage, body: string): boolean {
  const pattern =
    /Credential=[^/]+\/(?<scope>(\d+)\/([^/]+)\/([^/]+)\/aws4_request), SignedHeaders=(?<names>[^,]+), Signature=(?<signature>\w+)/;
  const { scope, names, signature } = pattern.exec(headers.authorization ?? '')?.groups ?? {};
  if (scope === undefined || names === undefined) return false;
  const { pathname, searchParams } = new URL(url!, 'http://host');
  const encode = (value: string) =>
    encodeURIComponent(value).replace(
      /[!'()*]/g,
      (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
    );
  const query = [...searchParams].map((pair) => pair.map(encode).join('=')).sort();
  const canonical = [
    method,
    pathname.split('/').map(encode).join('/'),
    query.join('&'),
    ...names.split(';').map((name) => `${name}:${headers[name]}`),
    '',
    names,
    createHash('sha256').update(body).digest('hex'),
  ].join('\n');
  const digest = createHash('sha256').update(canonical).digest('hex');
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, digest].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>(
      (previous, part) => createHmac('sha256', previous).update(part).digest(),
      `AWS4${SECRET_ACCESS_KEY}`,
    );
  return createHmac('sha256', key).update(toSign).digest('hex') === signature;
}
