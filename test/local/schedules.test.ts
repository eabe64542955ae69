import type { FunctionPool } from '../../local/lambda/function-pool.ts';
import { startSchedules } from '../../local/lambda/schedules.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';

/** EventBridge's rules on a schedule, as the local cloud runs them. */

const rule = (Properties: Record<string, unknown>) => ({
  Type: 'AWS::Events::Rule',
  Properties: { Targets: [{ Arn: { 'Fn::GetAtt': ['Count', 'Arn'] }, Id: 'Target0' }], ...Properties },
});

const permission = {
  Type: 'AWS::Lambda::Permission',
  Properties: {
    Action: 'lambda:InvokeFunction',
    FunctionName: { 'Fn::GetAtt': ['Count', 'Arn'] },
    Principal: 'events.amazonaws.com',
    SourceArn: { 'Fn::GetAtt': ['Schedule', 'Arn'] },
  },
};

function started(resources: NonNullable<TemplateJson['Resources']>, atOnce = false) {
  const template = (Resources: TemplateJson['Resources']) =>
    new Template(
      { Resources: { Count: { Type: 'AWS::Lambda::Function', Properties: {} }, ...Resources } },
      { addressBook: [], attributes: (id) => ({ Ref: id, Arn: `arn:${id}` }) },
    );
  const events: { logicalId: string; event: Record<string, unknown> }[] = [];
  const lines: string[] = [];
  const functions = {
    async invoke(logicalId: string, event: Record<string, unknown>) {
      events.push({ logicalId, event });
      if (lines.length > 0) throw new Error('it fell');
    },
  };
  const schedules = startSchedules(template(resources), functions as unknown as FunctionPool, {
    atOnce,
    log: (name, line) => lines.push(`${name}: ${line}`),
  });
  return { schedules, events, lines, replace: (next: TemplateJson['Resources']) => schedules.replace(template(next)) };
}

const everyFive = rule({ ScheduleExpression: 'rate(5 minutes)', State: 'ENABLED' });

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

test('a rule starts its function again and again, the first time when its interval has passed', () => {
  const { schedules, events } = started({ Schedule: everyFive, Permission: permission });
  jest.advanceTimersByTime(299_999);
  expect(events).toEqual([]);
  jest.advanceTimersByTime(1);
  jest.advanceTimersByTime(600_000);
  expect(events.map(({ logicalId }) => logicalId)).toEqual(['Count', 'Count', 'Count']);
  expect(events[0]!.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event' });
  schedules.close();
  jest.advanceTimersByTime(600_000);
  expect(events).toHaveLength(3);
});

test('what was due while the desk was off is done at once', () => {
  const { schedules, events } = started({ Schedule: everyFive, Permission: permission }, true);
  expect(events).toHaveLength(1);
  schedules.close();
});

test('another template has its own rules', () => {
  const { schedules, events, replace } = started({ Schedule: everyFive, Permission: permission });
  replace({ Schedule: rule({ ScheduleExpression: 'rate(1 hour)' }), Permission: permission });
  jest.advanceTimersByTime(3_599_999);
  expect(events).toEqual([]);
  jest.advanceTimersByTime(1);
  expect(events).toHaveLength(1);
  replace({ Schedule: rule({ ScheduleExpression: 'rate(1 hour)', State: 'DISABLED' }), Permission: permission });
  jest.advanceTimersByTime(36_000_000);
  expect(events).toHaveLength(1);
  schedules.close();
});

test('a function that fails is a line in the log, and is started again', async () => {
  const { schedules, events, lines } = started({ Schedule: everyFive, Permission: permission });
  lines.push('begin');
  await schedules.runNow();
  await schedules.runNow();
  expect(events).toHaveLength(2);
  expect(lines.slice(1)).toEqual(Array(2).fill('Count: The schedule Schedule failed: it fell'));
  schedules.close();
});

test.each([
  ['a calendar', rule({ ScheduleExpression: 'cron(0 12 * * ? *)' }), permission, 'only rules with a rate'],
  ['a pattern', rule({ EventPattern: { source: ['aws.s3'] } }), permission, 'only rules with a rate'],
  ['no permission', everyFive, undefined, 'no AWS::Lambda::Permission lets events.amazonaws.com start Count'],
])('a rule with %s is refused when it starts', (_name, schedule, allowed, message) => {
  expect(() => started({ Schedule: schedule, ...(allowed && { Permission: allowed }) })).toThrow(message);
});
