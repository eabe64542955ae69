/** When an alarm goes off: so many periods of five minutes one after another, each at the threshold or above. */
export type AlarmRule = { readonly threshold: number; readonly evaluationPeriods: number };

export type AlarmDefault = AlarmRule & {
  /** For the owner who is told. */
  readonly description: string;
  /** `false` for an alarm that has to be asked for. */
  readonly unlessSet?: false;
};

/**
 * The alarms, and when each goes off. Those that are there by default watch one metric each and are no more than ten, which
 * is what CloudWatch has for nothing in an account.
 */
export const alarmDefaults = {
  sessionFailures: {
    threshold: 5,
    evaluationPeriods: 1,
    description: 'Requests fail because their sessions can be neither read nor begun: the table does not answer.',
  },
  refreshReuse: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'A superseded refresh token turned up: somebody may have copied it. Its grant has ended.',
  },
  codeReuse: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'An authorization code turned up that had been used. Its grant has ended.',
  },
  authorizerFailures: {
    threshold: 5,
    evaluationPeriods: 1,
    description: 'Access tokens cannot be verified: the keys of whoever issues them cannot be had.',
  },
  signInOutages: {
    threshold: 5,
    evaluationPeriods: 1,
    description:
      'Users cannot sign in, or clients not refresh: the table, KMS or the identity provider does not answer.',
  },
  serverErrors: {
    threshold: 0.05,
    evaluationPeriods: 2,
    description: 'The share of requests that are answered with 5xx is high.',
  },
  latency: {
    threshold: 30_000,
    evaluationPeriods: 3,
    description:
      'One request in a hundred takes long. The threshold is in milliseconds; a stream may count to its end.',
  },
  throttling: {
    threshold: 1,
    evaluationPeriods: 2,
    description: 'Lambda refuses to run the MCP function: the account has too many functions running at once.',
  },
  workerErrors: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'The worker, which does what takes long, has died or run out of time.',
  },
  auditFailures: {
    threshold: 1,
    evaluationPeriods: 1,
    description: 'Tool calls were answered that are not on record: the table did not take them.',
  },
  tableThrottles: {
    threshold: 1,
    evaluationPeriods: 2,
    description: 'The table refuses reads or writes. It watches two metrics, and CloudWatch charges for both.',
    unlessSet: false,
  },
} as const satisfies Record<string, AlarmDefault>;

export type AlarmName = keyof typeof alarmDefaults;

/** What differs from the defaults, by alarm: other numbers, or `false` for none. */
export type AlarmSettings = { readonly [Name in AlarmName]?: Partial<AlarmRule> | false };

/** CloudWatch looks back a day at most. */
const MOST_PERIODS = 288;

/** What is to be refused about the settings, each with its value and what to do. */
export function* validateAlarms(settings: {
  operations: boolean;
  alarms?: AlarmSettings;
  alarmEmail?: string;
  alarmTopicArn?: string;
}): Generator<string> {
  const { operations, alarms = {}, alarmEmail, alarmTopicArn } = settings;
  for (const [name, rule] of Object.entries(alarms)) {
    if (!Object.hasOwn(alarmDefaults, name)) {
      yield `alarms has ${JSON.stringify(name)}: there are ${Object.keys(alarmDefaults).join(', ')}`;
    } else if (rule !== false) {
      const { threshold = 1, evaluationPeriods = 1 } = rule;
      if (!(threshold > 0)) yield `alarms.${name}.threshold is ${threshold}: choose a number above 0`;
      if (!(Number.isInteger(evaluationPeriods) && evaluationPeriods >= 1 && evaluationPeriods <= MOST_PERIODS)) {
        yield `alarms.${name}.evaluationPeriods is ${evaluationPeriods}: choose 1 to ${MOST_PERIODS}, because CloudWatch looks back a day at most`;
      }
    }
  }
  const given = Object.entries({ alarms: settings.alarms, alarmEmail, alarmTopicArn }).filter(([, value]) => value);
  if (!operations && given.length > 0) {
    yield `${given.map(([name]) => name).join(' and ')} without operations, of which the alarms are a part: set operations to true`;
  }
  if (alarmEmail !== undefined && !/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(alarmEmail)) {
    yield `alarmEmail is ${JSON.stringify(alarmEmail)}: write one address`;
  }
  if (alarmTopicArn !== undefined && !/^arn:aws[a-z-]*:sns:[a-z0-9-]+:\d{12}:\S+$/.test(alarmTopicArn)) {
    yield `alarmTopicArn is ${JSON.stringify(alarmTopicArn)}: write the ARN of an SNS topic`;
  }
  if (alarmEmail !== undefined && alarmTopicArn !== undefined) {
    yield 'alarmEmail and alarmTopicArn are both set: subscribe the address to your topic, or leave one out';
  }
}
