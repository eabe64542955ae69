import { Aws, Duration, Fn, Validations } from 'aws-cdk-lib';
import {
  AccountRecovery,
  CfnManagedLoginBranding,
  FeaturePlan,
  ManagedLoginVersion,
  Mfa,
  OAuthScope,
  UserPool,
  UserPoolClientIdentityProvider,
} from 'aws-cdk-lib/aws-cognito';
import { Construct } from 'constructs';
import type { IdentityProviderSettings } from './settings/identity-provider-settings.ts';
import { removalPolicy, type Stage } from './settings/stage.ts';

export interface HoldfastUserPoolProps {
  readonly stage: Stage;
  /** The one address that Cognito may send a signed-in user back to. */
  readonly callbackUrl: string;
  /** How long Cognito's refresh token lasts: as long as a grant may, or the grant would end before its time. */
  readonly refreshTokenValidity: Duration;
}

/**
 * The identity provider for owners who bring none: a Cognito user pool that nobody can join by themselves, with its
 * hosted login page. The facade is its only client, a public one (PKCE), so there is no secret to keep.
 */
export class HoldfastUserPool extends Construct {
  readonly identityProvider: IdentityProviderSettings;
  readonly userPoolId: string;

  constructor(scope: Construct, id: string, props: HoldfastUserPoolProps) {
    super(scope, id);
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
      deletionProtection: props.stage === 'prod',
      removalPolicy: removalPolicy(props.stage),
    });
    Validations.of(pool).acknowledge(
      {
        id: 'AwsSolutions-COG2',
        reason: 'Each user may set up a second factor; to require one is for the owner to say.',
      },
      {
        id: 'AwsSolutions-COG8',
        reason: 'The Plus plan costs by the user; Essentials has the login page and the rotation.',
      },
    );
    pool.addGroup('Owners', { groupName: 'admins', description: 'May see every session and revoke it' });
    pool.addDomain('Domain', {
      cognitoDomain: { domainPrefix: `holdfast-${suffixOfStack()}` },
      managedLoginVersion: ManagedLoginVersion.NEWER_MANAGED_LOGIN,
    });
    const client = pool.addClient('Facade', {
      generateSecret: false,
      authFlows: { userSrp: true },
      oAuth: {
        flows: { authorizationCodeGrant: true },
        scopes: [OAuthScope.OPENID, OAuthScope.PROFILE, OAuthScope.EMAIL],
        callbackUrls: [props.callbackUrl],
      },
      supportedIdentityProviders: [UserPoolClientIdentityProvider.COGNITO],
      preventUserExistenceErrors: true,
      refreshTokenValidity: props.refreshTokenValidity,
      // A public client's refresh tokens must rotate (RFC 9700 §2.2.2); the longest grace covers an answer that got lost.
      refreshTokenRotationGracePeriod: Duration.seconds(60),
    });
    // Without a branding the new login page does not render. It has no higher-level construct yet.
    new CfnManagedLoginBranding(this, 'LoginPage', {
      userPoolId: pool.userPoolId,
      clientId: client.userPoolClientId,
      useCognitoProvidedValues: true,
    });
    this.userPoolId = pool.userPoolId;
    this.identityProvider = {
      profile: 'cognito',
      issuer: pool.userPoolProviderUrl,
      clientId: client.userPoolClientId,
    };
  }
}

/**
 * Domain prefixes are unique in a region, across all accounts. The end of the stack's own id is as unique, stays the
 * same through updates, and differs when the stack is made again.
 */
function suffixOfStack(): string {
  return Fn.select(4, Fn.split('-', Fn.select(2, Fn.split('/', Aws.STACK_ID))));
}
