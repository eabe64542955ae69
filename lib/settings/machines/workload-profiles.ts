/** A platform whose workloads have tokens: its facts, as data. */
export type WorkloadProfile = {
  /** Absent where each account has an issuer. */
  issuer?: string;
  /** The form of a subject. No subject of this form matches every workload at the platform. */
  subject: RegExp;
  /** A subject of that form, for messages. */
  example: string;
  /** Whether a token gives one access token: false where the platform returns the same token until it expires. */
  singleUse: boolean;
};

export const workloadProfiles = {
  /** https://docs.github.com/en/actions/concepts/security/openid-connect */
  github: {
    issuer: 'https://token.actions.githubusercontent.com',
    subject: /^repo:[A-Za-z0-9@-]+\/(\*|[\w.@-]+:(\*|[^*]+[:/]\*|[^*]+))$/,
    example: 'repo:my-org/my-repo:ref:refs/heads/main',
    singleUse: true,
  },
  /** https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/ */
  kubernetes: {
    subject: /^system:serviceaccount:[a-z0-9-]+:(\*|[a-z0-9.-]+)$/,
    example: 'system:serviceaccount:my-namespace:my-account',
    singleUse: false,
  },
  /** https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_outbound.html */
  aws: {
    subject: /^arn:aws[a-z-]*:(iam|sts)::\d{12}:[a-z-]+\/(\*|[^*]+\/\*|[^*]+)$/,
    example: 'arn:aws:iam::111122223333:role/my-role',
    singleUse: true,
  },
  /** https://cloud.google.com/compute/docs/instances/verifying-instance-identity: the subject is the id of the account. */
  gcp: {
    issuer: 'https://accounts.google.com',
    subject: /^\d{6,40}$/,
    example: '103456789012345678901',
    singleUse: false,
  },
  /** https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference: the subject is the object id. */
  azure: {
    subject: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
    example: '00000000-1111-2222-3333-444444444444',
    singleUse: false,
  },
} as const satisfies Record<string, WorkloadProfile>;

export type WorkloadProfileName = keyof typeof workloadProfiles;

/** Of another platform: exact, or a `*` behind at least two separators, the second of which ends the prefix. */
export const otherPlatform: WorkloadProfile = {
  subject: /^([^*]+|[^*:/]+[:/][^*]*[^*:/][:/]\*)$/,
  example: 'project:my-project:*',
  singleUse: true,
};
