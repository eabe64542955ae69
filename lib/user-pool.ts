import {
  AccountRecovery,
  CfnManagedLoginBranding,
  FeaturePlan,
  type IUserPool,
  ManagedLoginVersion,
  Mfa,
  OAuthScope,
  UserPool,
  UserPoolClient,
  UserPoolClientIdentityProvider,
  type UserPoolClientOptions,
} from 'aws-cdk-lib/aws-cognito';
import { Aws, Duration, Fn, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { constructSuffix } from './construct-suffix.ts';
import type { IdentityProviderSettings } from './settings/identity-provider-settings.ts';
import { protectedRemovalPolicy, type Stage } from './settings/stage.ts';

export interface HoldfastUserPoolProps {
  /** An existing pool, to which the stack adds its app client alone; `undefined` for a new one. */
  readonly existing: IUserPool | undefined;
  readonly stage: Stage;
  /** The only redirect URI of the app client. */
  readonly callbackUrl: string;
  /** Lifetime of Cognito's refresh token: the maximum lifetime of a grant, which would otherwise end earlier. */
  readonly refreshTokenValidity: Duration;
}

/**
 * The default identity provider: a Cognito user pool without self-registration, with managed login, or an existing pool.
 * The facade is an app client of it, a public client with PKCE, so there is no client secret to protect.
 */
export class HoldfastUserPool extends Construct {
  readonly identityProvider: IdentityProviderSettings;
  readonly userPool: IUserPool;

  constructor(scope: Construct, id: string, props: HoldfastUserPoolProps) {
    super(scope, id);
    this.userPool = props.existing ?? this.#createPool(props.stage);
    const options: UserPoolClientOptions = {
      generateSecret: false,
      authFlows: { userSrp: true },
      oAuth: {
        flows: { authorizationCodeGrant: true },
        scopes: [OAuthScope.OPENID, OAuthScope.PROFILE, OAuthScope.EMAIL],
        callbackUrls: [props.callbackUrl],
      },
      supportedIdentityProviders: props.existing ? undefined : [UserPoolClientIdentityProvider.COGNITO],
      preventUserExistenceErrors: true,
      refreshTokenValidity: props.refreshTokenValidity,
      // Refresh tokens of a public client must rotate (RFC 9700 §2.2.2). The longest grace period covers a lost response.
      refreshTokenRotationGracePeriod: Duration.seconds(60),
    };
    // A child of this construct, because several can add a client to one existing pool.
    const client = props.existing
      ? new UserPoolClient(this, 'Facade', { userPool: props.existing, ...options })
      : this.userPool.addClient('Facade', options);
    // Managed login does not render without a branding, which has no L2 construct yet.
    new CfnManagedLoginBranding(this, 'LoginPage', {
      userPoolId: this.userPool.userPoolId,
      clientId: client.userPoolClientId,
      useCognitoProvidedValues: true,
    });
    this.identityProvider = {
      profile: 'cognito',
      issuer:
        this.userPool instanceof UserPool
          ? this.userPool.userPoolProviderUrl
          : `https://${this.userPool.userPoolProviderName}`,
      clientId: client.userPoolClientId,
    };
  }

  #createPool(stage: Stage): UserPool {
    const pool = new UserPool(this, 'Pool', {
      featurePlan: FeaturePlan.ESSENTIALS,
      selfSignUpEnabled: false,
      signInAliases: { email: true },
      signInCaseSensitive: false,
      accountRecovery: AccountRecovery.EMAIL_ONLY,
      mfa: Mfa.OPTIONAL,
      mfaSecondFactor: { otp: true, sms: false },
      passwordPolicy: {
        minLength: 12,
        requireDigits: true,
        requireLowercase: true,
        requireUppercase: true,
        requireSymbols: true,
      },
      deletionProtection: stage === 'prod',
      removalPolicy: protectedRemovalPolicy(stage),
    });
    acknowledgePoolFindings(pool);
    pool.addGroup('Owners', {
      groupName: 'admins',
      description: 'Sees and revokes the connected apps and sessions of all users',
    });
    pool.addDomain('Domain', {
      cognitoDomain: { domainPrefix: `holdfast-${stackUuid()}${constructSuffix(this.node.scope!)}` },
      managedLoginVersion: ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    });
    return pool;
  }
}

function acknowledgePoolFindings(pool: UserPool): void {
  Validations.of(pool).acknowledge(
    {
      id: 'AwsSolutions-COG2',
      reason: 'MFA is optional for each user. Requiring it is a decision of the operator.',
    },
    {
      id: 'AwsSolutions-COG8',
      reason: 'The Plus plan is charged per user. Essentials includes managed login and refresh token rotation.',
    },
  );
}

/**
 * A domain prefix must be unique in its region, across all accounts. The UUID of the stack id is unique, the same in every
 * update, and different when the stack is created again. Its last part alone is that of other stacks too.
 */
function stackUuid(): string {
  return Fn.join('', Fn.split('-', Fn.select(2, Fn.split('/', Aws.STACK_ID))));
}
