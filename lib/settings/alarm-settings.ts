import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Token } from 'aws-cdk-lib/core';
import { hasSyntax, quoted } from './setting-validation.ts';

/** The threshold of an alarm: it goes off after so many consecutive periods of five minutes at or above it. */
export type AlarmRule = { readonly threshold: number; readonly evaluationPeriods: number };

export type AlarmDefault = AlarmRule & {
  /** The alarm's description, for the operator. */
  readonly description: string;
  /** `true` for an alarm that exists only when it is set. */
  readonly optIn?: true;
};

/**
 * The alarms and their default thresholds. The alarms that exist by default watch one metric each and are at most ten,
 * which CloudWatch does not charge for. Those of functions and sign-ins that a setting adds come on top.
 */
export const alarmDefaults = {
  sessionFailures: {
    threshold: 5,
    evaluationPeriods: 1,
    description: 'Requests fail because DynamoDB does not answer when a session is read or started.',
  },
  refreshReuse: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'A client sent a superseded refresh token, which may be stolen. Its grant was revoked.',
  },
  codeReuse: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'A client sent an authorization code a second time. Its grant was revoked.',
  },
  assertionRefusals: {
    threshold: 5,
    evaluationPeriods: 1,
    description: 'Assertions of a trusted issuer, for a workload or a user that the settings admit, are rejected.',
  },
  authorizerFailures: {
    threshold: 5,
    evaluationPeriods: 1,
    description: "Access tokens cannot be verified because the issuer's key set is unavailable.",
  },
  signInOutages: {
    threshold: 5,
    evaluationPeriods: 1,
    description: 'Sign-in or token refresh fails because DynamoDB, KMS or the identity provider does not answer.',
  },
  signInMisconfigured: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'The identity provider and this server are not configured for each other: users cannot sign in.',
  },
  serverErrors: {
    threshold: 0.05,
    evaluationPeriods: 2,
    description: 'The share of 5xx responses is high.',
  },
  latency: {
    threshold: 30_000,
    evaluationPeriods: 3,
    description: 'The p99 latency, in milliseconds, is high. The latency of a stream can include its whole duration.',
    optIn: true,
  },
  throttling: {
    threshold: 1,
    evaluationPeriods: 2,
    description: 'Lambda throttles the MCP function because the account has reached its concurrency limit.',
  },
  workerErrors: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'The worker function, which runs long-running tools, failed or timed out.',
  },
  auditFailures: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'Tool calls are missing from the audit log because DynamoDB did not accept the write.',
  },
  auditToolErrors: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'The function of the audit tools failed or timed out.',
  },
  telemetryFailures: {
    threshold: 1,
    evaluationPeriods: 2,
    description: 'Calls are not exported as telemetry: the endpoint does not answer, or rejects them.',
  },
  tableThrottles: {
    threshold: 1,
    evaluationPeriods: 2,
    description: 'DynamoDB throttles reads or writes. This alarm watches two metrics, and CloudWatch charges for both.',
    optIn: true,
  },
} as const satisfies Record<string, AlarmDefault>;

export type AlarmName = keyof typeof alarmDefaults;

/** Changes to the default alarms, by name: other thresholds, or `false` for no alarm. */
export type AlarmRules = { readonly [Name in AlarmName]?: Partial<AlarmRule> | false };

/** The CloudWatch dashboard and the alarms. */
export interface AlarmSettings {
  /**
   * Whether the stack has a CloudWatch dashboard and alarms. They are free of charge if the account has no others: ten
   * alarms and three dashboards are.
   * @default - true in `prod`; an account has many `dev` stacks, which would use up the free alarms
   */
  readonly operations?: boolean;
  /**
   * Changes to the alarms of `alarmDefaults`.
   * @default - all alarms except `latency` and `tableThrottles`
   */
  readonly alarms?: AlarmRules;
  /**
   * The e-mail address that receives the alarms. SNS asks the address to confirm the subscription first.
   * @default - no notifications; alarms show in CloudWatch
   */
  readonly alarmEmail?: string;
  /**
   * An SNS topic in the stack's region that receives the alarms, or its ARN, instead of an e-mail address.
   * @default - no topic
   */
  readonly alarmTopic?: ITopic | string;
  /**
   * The address of `docs/operate.md` for the people who receive the alarms, such as in your repository or wiki. The
   * description of each alarm ends with it and the anchor of the alarm's section.
   * @default - `docs/operate.md`, as it is in the sources
   */
  readonly runbookUrl?: string;
}

/** The page in the sources of Holdfast. */
const RUNBOOK = 'docs/operate.md';

/** The address of the section about an alarm. Its heading is the name, whose anchor Markdown renderers write in lower case. */
export const runbookSection = (name: AlarmName, runbookUrl = RUNBOOK): string => `${runbookUrl}#${name.toLowerCase()}`;

/** CloudWatch evaluates at most one day. */
const MAX_EVALUATION_PERIODS = 288;

const emailSyntax = /^[^\s@]+@[^\s@]+\.[^\s@]+$/;
const runbookSyntax = /^https?:\/\/[^\s#]+$/;
const topicArnSyntax = /^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+$/;

/** Yields an error message for each invalid setting. */
export function* validateAlarms(settings: AlarmSettings): Generator<string> {
  const { operations, alarms, alarmEmail, alarmTopic, runbookUrl } = settings;
  yield* validateAlarmRules(alarms ?? {});
  const given = Object.entries({ alarms, alarmEmail, alarmTopic, runbookUrl }).filter(([, value]) => value);
  if (!operations && given.length > 0) {
    yield `${given.map(([name]) => name).join(' and ')} without operations: set operations to true to create the alarms`;
  }
  if (alarmEmail !== undefined && !hasSyntax(emailSyntax, alarmEmail)) {
    yield `alarmEmail is ${quoted(alarmEmail)}: write one e-mail address`;
  }
  if (runbookUrl !== undefined && !hasSyntax(runbookSyntax, runbookUrl)) {
    yield `runbookUrl is ${quoted(runbookUrl)}: write an http or https URL without an anchor`;
  }
  if (typeof alarmTopic === 'string' && !hasSyntax(topicArnSyntax, alarmTopic)) {
    yield `alarmTopic is ${quoted(alarmTopic)}: write the ARN of an SNS topic`;
  }
  if (alarmEmail !== undefined && alarmTopic !== undefined) {
    yield 'alarmEmail and alarmTopic are both set: subscribe the address to your topic, or remove one of them';
  }
}

function* validateAlarmRules(alarms: AlarmRules): Generator<string> {
  for (const [name, rule] of Object.entries(alarms)) {
    if (!Object.hasOwn(alarmDefaults, name)) {
      yield `alarms has ${quoted(name)}: choose from ${Object.keys(alarmDefaults).join(', ')}`;
    } else if (rule !== false) {
      const { threshold = 1, evaluationPeriods = 1 } = rule;
      if (!Token.isUnresolved(threshold) && !(threshold > 0))
        yield `alarms.${name}.threshold is ${threshold}: choose a number above 0`;
      const isPeriods = Number.isInteger(evaluationPeriods) && evaluationPeriods >= 1;
      if (!Token.isUnresolved(evaluationPeriods) && !(isPeriods && evaluationPeriods <= MAX_EVALUATION_PERIODS)) {
        yield `alarms.${name}.evaluationPeriods is ${evaluationPeriods}: choose a whole number from 1 to ${MAX_EVALUATION_PERIODS}`;
      }
    }
  }
}
