import { CfnOutput, Duration, Stack, type StackProps, Token } from 'aws-cdk-lib';
import { Grant } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { AuthorizerEnvironment, McpEnvironment, OAuthEnvironment } from '../lambda/environment.ts';
import { Door } from './door.ts';
import { Firewall } from './firewall.ts';
import { Gateway } from './gateway.ts';
import { GatewayResponses } from './gateway-responses.ts';
import { defaultIdentityScopes, type IdentityProvider } from './identity-provider.ts';
import { SealKey, SigningKeys } from './keys.ts';
import { CloudFrontHostname, OwnHostname } from './public-hostname.ts';
import { type HoldfastSettings, type Settled, settle } from './settings.ts';
import { Table } from './table.ts';
import { Users } from './users.ts';

export interface HoldfastStackProps extends StackProps, HoldfastSettings {}

/** An MCP server on the internet, with the sign-in, the sessions and the limits it needs there. */
export class HoldfastStack extends Stack {
  constructor(scope: Construct, id: string, props: HoldfastStackProps = {}) {
    super(scope, id, { terminationProtection: props.stage === 'prod', ...props });
    const settings = settle(props, Token.isUnresolved(this.region) ? undefined : this.region);
    const { stage, logRetention, scopes, upstreamTokens } = settings;

    const table = new Table(this, 'Table', { stage });
    const signingKeys = new SigningKeys(this, settings.signingKeys, { stage });
    const sealKey = new SealKey(this, 'SealKey', { stage });
    const gateway = new Gateway(this, 'Gateway', { ...settings, executeApiEndpoint: settings.domain === undefined });
    const publicUrl = this.#hostname(gateway, settings);
    const identityProvider = settings.identityProvider ?? this.#users(publicUrl, settings);
    const clientEnvironment = clientEnvironmentOf(identityProvider);

    const authorizer = new Door(this, 'Authorizer', {
      entry: 'authorizer.ts',
      environment: { PUBLIC_URL: publicUrl } satisfies AuthorizerEnvironment,
      memoryMegabytes: 256,
      timeout: Duration.seconds(10),
      stage,
      logRetention,
    });

    const oauth = new Door(this, 'OAuth', {
      entry: 'oauth.ts',
      environment: {
        PUBLIC_URL: publicUrl,
        TABLE_NAME: table.name,
        SIGN_KEY_IDS: signingKeys.ids,
        SEAL_KEY_ID: sealKey.id,
        ...clientEnvironment,
        IDP_NAME: identityProvider.name ?? new URL(identityProvider.issuer).host,
        SCOPES: scopes.join(' '),
        ACCESS_TOKEN_MINUTES: `${settings.accessTokenMinutes}`,
        GRANT_IDLE_DAYS: `${settings.grantIdleDays}`,
        GRANT_ABSOLUTE_DAYS: `${settings.grantAbsoluteDays}`,
        REFRESH_WINDOW_SECONDS: `${settings.refreshWindowSeconds}`,
        REDIRECT_SCHEMES: settings.redirectSchemes.join(' '),
      } satisfies OAuthEnvironment,
      memoryMegabytes: 512,
      // Just inside the 29 seconds after which API Gateway gives up on a buffered answer.
      timeout: Duration.seconds(28),
      stage,
      logRetention,
    });
    table.grantSignIn(oauth);
    signingKeys.grantSign(oauth);
    sealKey.grantSeal(oauth, 'upstream', 'refresh-mac');

    const toolTimeout = Duration.seconds(Math.round(settings.toolTimeoutMinutes * 60));
    const mcp = new Door(this, 'Mcp', {
      entry: 'mcp.ts',
      environment: {
        PUBLIC_URL: publicUrl,
        TABLE_NAME: table.name,
        MCP_SESSION_TTL_HOURS: `${settings.sessionTtlHours}`,
        STALE_SESSION: settings.staleSession,
        ...(upstreamTokens && { SEAL_KEY_ID: sealKey.id, ...clientEnvironment }),
      } satisfies McpEnvironment,
      memoryMegabytes: 512,
      timeout: toolTimeout,
      stage,
      logRetention,
    });
    table.grantSessions(mcp);
    if (upstreamTokens) {
      table.grantIdentityTokens(mcp);
      sealKey.grantSeal(mcp, 'upstream');
    }

    if (identityProvider.clientSecretArn !== undefined) {
      // Not by `grantRead` of a Secret, which lets a function describe it as well.
      const read = { actions: ['secretsmanager:GetSecretValue'], resourceArns: [identityProvider.clientSecretArn] };
      for (const grantee of upstreamTokens ? [oauth, mcp] : [oauth]) {
        Grant.addToPrincipal({ grantee, ...read }).assertSuccess();
      }
    }

    gateway.addOAuth(oauth.handler);
    gateway.addMcp({
      mcp: mcp.handler,
      authorizer: authorizer.handler,
      authorizerCache: Duration.seconds(settings.authorizerCacheSeconds),
      timeout: toolTimeout,
    });
    new GatewayResponses(this, 'Responses', { api: gateway.api, publicUrl, scope: scopes[0]! });
    if (settings.firewall) new Firewall(this, 'Firewall', { api: gateway.api });

    this.#output('McpUrl', `${publicUrl}/mcp`, 'Paste this into an assistant');
    if (settings.identityProvider !== undefined) {
      this.#output('CallbackUrl', callbackOf(publicUrl), 'The redirect URI to register at the identity provider');
    }
  }

  #hostname(gateway: Gateway, { domain }: Settled): string {
    if (domain === undefined) return new CloudFrontHostname(this, 'Hostname', { api: gateway.api }).url;
    const hostname = new OwnHostname(this, 'Hostname', { api: gateway.api, domain });
    if (domain.hostedZone === undefined) {
      this.#output('DnsTarget', hostname.dnsTarget, `Where ${domain.domainName} has to point (CNAME)`);
    }
    return hostname.url;
  }

  #users(publicUrl: string, { stage, grantAbsoluteDays }: Settled): IdentityProvider {
    const users = new Users(this, 'Users', {
      stage,
      callbackUrl: callbackOf(publicUrl),
      refreshTokenValidity: Duration.days(grantAbsoluteDays),
    });
    this.#output('UserPoolId', users.userPoolId, 'Holds the users');
    this.#output(
      'AddUser',
      `aws cognito-idp admin-create-user --user-pool-id ${users.userPoolId} --username you@example.com ` +
        '--user-attributes Name=email,Value=you@example.com Name=email_verified,Value=true',
      'Adds a user, who gets an e-mail with a first password',
    );
    return users.identityProvider;
  }

  #output(id: string, value: string, description: string): void {
    new CfnOutput(this, id, { value, description });
  }
}

const callbackOf = (publicUrl: string) => `${publicUrl}/callback`;

/** What a function needs to be a client of the identity provider. */
function clientEnvironmentOf({ issuer, clientId, clientSecretArn, scopes = defaultIdentityScopes }: IdentityProvider) {
  return {
    IDP_ISSUER: issuer,
    IDP_CLIENT_ID: clientId,
    IDP_CLIENT_SECRET_ARN: clientSecretArn,
    IDP_SCOPES: scopes.join(' '),
  };
}
