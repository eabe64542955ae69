import { randomUUID } from 'node:crypto';
import { account, region } from '../aws-api/aws-service.ts';
import type { Template } from '../template/template.ts';
import type { FunctionPool } from './function-pool.ts';

export type Schedules = {
  /** Runs the rules of another template from now on. */
  replace(template: Template): void;
  /** Does now what would be due at some time. Resolves when all functions have answered. */
  runNow(): Promise<void>;
  close(): void;
};

type Due = { rule: string; logicalId: string; intervalMilliseconds: number };

const units: Record<string, number> = { minute: 60_000, hour: 3_600_000, day: 86_400_000 };

/**
 * EventBridge's rules on a schedule: each starts its functions again and again, the first time when its interval has
 * passed, as on AWS.
 *
 * @param atOnce whether they also run now: what was due while the desk was switched off
 * @throws Error naming the rule that asks for what is not run locally, or that may not start its function
 */
export function startSchedules(
  template: Template,
  functions: FunctionPool,
  { atOnce, log }: { atOnce: boolean; log(functionName: string, line: string): void },
): Schedules {
  let due = dueIn(template);
  let timers: NodeJS.Timeout[] = [];

  async function run({ rule, logicalId }: Due): Promise<void> {
    const event = {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account,
      time: new Date().toISOString(),
      region,
      resources: [`arn:aws:events:${region}:${account}:rule/${rule}`],
      detail: {},
    };
    try {
      await functions.invoke(logicalId, event, randomUUID());
    } catch (error) {
      log(logicalId, `The schedule ${rule} failed: ${(error as Error).message}`);
    }
  }

  const stop = () => {
    for (const timer of timers.splice(0)) clearInterval(timer);
  };
  const start = () => {
    timers = due.map((each) => setInterval(() => void run(each), each.intervalMilliseconds).unref());
  };
  start();
  const runNow = async () => void (await Promise.all(due.map(run)));
  if (atOnce) void runNow();

  return {
    replace(next) {
      due = dueIn(next);
      stop();
      start();
    },
    runNow,
    close: stop,
  };
}

function dueIn(template: Template): Due[] {
  return template.resources('AWS::Events::Rule').flatMap(({ logicalId: rule, properties, raw }) => {
    const { count, unit } =
      /^rate\((?<count>\d+) (?<unit>minute|hour|day)s?\)$/.exec(String(properties.ScheduleExpression))?.groups ?? {};
    if (count === undefined || unit === undefined || properties.EventPattern !== undefined) {
      throw new Error(`${rule}: only rules with a rate(…) are run locally`);
    }
    if (properties.State === 'DISABLED') return [];
    const targets = (raw.Targets as { Arn: unknown }[] | undefined) ?? [];
    return targets.map(({ Arn }) => {
      const logicalId = template.logicalIdOf(Arn);
      if (!mayStart(template, rule, logicalId)) {
        throw new Error(`${rule}: no AWS::Lambda::Permission lets events.amazonaws.com start ${logicalId}`);
      }
      return { rule, logicalId, intervalMilliseconds: Number(count) * units[unit]! };
    });
  });
}

const mayStart = (template: Template, rule: string, logicalId: string): boolean =>
  template
    .resources('AWS::Lambda::Permission')
    .some(
      ({ properties, raw }) =>
        properties.Principal === 'events.amazonaws.com' &&
        template.logicalIdOf(raw.FunctionName) === logicalId &&
        (raw.SourceArn === undefined || template.logicalIdOf(raw.SourceArn) === rule),
    );
