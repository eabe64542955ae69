import { randomUUID } from 'node:crypto';
import { systemClock } from '../../lambda/adapters/system-clock.ts';
import { type Clock, every, type Timer } from '../../lambda/core/support/clock.ts';
import type { AwsEnvironment } from '../aws-api/aws-environment.ts';
import type { FunctionInvoker } from '../lambda/function-pool.ts';
import type { Template } from '../template/template.ts';
import { unsupported } from '../template/unsupported-feature.ts';

export type SchedulesOptions = {
  /** Also runs all rules at the start, for the time in which the emulator did not run. */
  runAtStart: boolean;
  log(functionName: string, line: string): void;
  clock?: Clock;
};

export type Schedules = {
  /** Runs the rules of another template. */
  replace(template: Template): void;
  /** Runs all rules now. Resolves when all functions have finished. */
  runNow(): Promise<void>;
  close(): void;
};

/** A target of a rule: the function `logicalId`. */
type ScheduledTarget = { rule: string; logicalId: string; intervalMilliseconds: number };

const unitMilliseconds: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * EventBridge's scheduled rules: each invokes its functions at its interval, for the first time after one interval, as on
 * AWS.
 *
 * @throws Error naming the rule that is not supported, or that lacks the permission to invoke its function
 */
export function startSchedules(
  template: Template,
  functions: FunctionInvoker,
  { runAtStart, log, clock = systemClock }: SchedulesOptions,
): Schedules {
  const { environment } = template;
  let targets = readTargets(template);
  let timers: Timer[] = [];

  async function run({ rule, logicalId }: ScheduledTarget): Promise<void> {
    try {
      await functions.invoke(logicalId, scheduledEvent(rule, clock.now(), environment), randomUUID());
    } catch (error) {
      log(logicalId, `The schedule ${rule} failed: ${(error as Error).message}`);
    }
  }

  function schedule(): void {
    timers = targets.map((target) => every(clock, target.intervalMilliseconds, () => void run(target)));
  }
  function stop(): void {
    for (const timer of timers.splice(0)) timer.cancel();
  }
  const runNow = async () => void (await Promise.all(targets.map(run)));

  schedule();
  if (runAtStart) void runNow();
  return {
    replace(next) {
      targets = readTargets(next);
      stop();
      schedule();
    },
    runNow,
    close: stop,
  };
}

function scheduledEvent(rule: string, now: number, environment: AwsEnvironment): object {
  const { account, region } = environment;
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Scheduled Event',
    source: 'aws.events',
    account,
    time: new Date(now).toISOString(),
    region,
    resources: [environment.arn('events', `rule/${rule}`)],
    detail: {},
  };
}

function readTargets(template: Template): ScheduledTarget[] {
  return template.resources('AWS::Events::Rule').flatMap(({ logicalId: rule, properties, raw }) => {
    const { count, unit } =
      /^rate\((?<count>\d+) (?<unit>minute|hour|day)s?\)$/.exec(String(properties.ScheduleExpression))?.groups ?? {};
    if (count === undefined || unit === undefined || properties.EventPattern !== undefined) {
      throw unsupported(rule, 'rules without a rate(…)');
    }
    if (properties.State === 'DISABLED') return [];
    const targets = (raw.Targets as { Arn: unknown }[] | undefined) ?? [];
    return targets.map(({ Arn }) => {
      const logicalId = template.logicalIdOf(Arn);
      if (!mayInvoke(template, rule, logicalId)) {
        throw new Error(`${rule}: no AWS::Lambda::Permission allows events.amazonaws.com to invoke ${logicalId}`);
      }
      return { rule, logicalId, intervalMilliseconds: Number(count) * unitMilliseconds[unit]! };
    });
  });
}

const mayInvoke = (template: Template, rule: string, logicalId: string): boolean =>
  template
    .resources('AWS::Lambda::Permission')
    .some(
      ({ properties, raw }) =>
        properties.Principal === 'events.amazonaws.com' &&
        template.logicalIdOf(raw.FunctionName) === logicalId &&
        (raw.SourceArn === undefined || template.logicalIdOf(raw.SourceArn) === rule),
    );
