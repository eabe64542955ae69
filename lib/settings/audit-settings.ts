import { Duration } from 'aws-cdk-lib/core';
import { type DurationLimits, validateChoice, validateDuration, type WithDefaults } from './setting-validation.ts';

export interface AuditSettings {
  /**
   * The requests in the audit log: `tools` logs tool calls, `all` every other request of a client as well, with the name of a
   * prompt and the URI of a resource, without query and fragment. The consent page states the choice.
   * @default 'tools'
   */
  readonly auditMethods?: 'tools' | 'all';
  /**
   * How the audit log stores the arguments of a tool call: not at all, as a salted `digest`, or `redacted`, with every
   * value replaced by its type and length. Results are never stored. The consent page states the choice.
   * @default 'no'
   */
  readonly auditArguments?: 'no' | 'digest' | 'redacted';
  /**
   * How the audit log stores an error that a tool throws: not at all (`none`), its `class`, or its class and `message`, cut
   * at 200 bytes. With both last, a fingerprint groups equal errors, and the file and line of your sources is stored. A
   * message may quote an argument, so that only `message` stores it. The log of the function has class, message and stack
   * in any case. The consent page states the choice.
   * @default 'class'
   */
  readonly auditErrors?: 'none' | 'class' | 'message';
  /**
   * Retention of the audit log.
   * @default Duration.days(30)
   */
  readonly auditRetention?: Duration;
}

export const auditDefaults = {
  auditMethods: 'tools',
  auditArguments: 'no',
  auditErrors: 'class',
  auditRetention: Duration.days(30),
} satisfies AuditSettings;

const retentionLimits: DurationLimits = {
  min: Duration.days(1),
  max: Duration.days(3650),
  reason: 'an audit log must expire',
};

/** Yields an error message for each invalid setting. */
export function* validateAudit(settings: WithDefaults<AuditSettings, typeof auditDefaults>): Generator<string> {
  yield* validateChoice('auditMethods', settings.auditMethods, ['tools', 'all']);
  yield* validateChoice('auditArguments', settings.auditArguments, ['no', 'digest', 'redacted']);
  yield* validateChoice('auditErrors', settings.auditErrors, ['none', 'class', 'message']);
  yield* validateDuration('auditRetention', settings.auditRetention, retentionLimits);
}
