import { startSchedules } from '../../local/eventbridge/schedules.ts';
import type { FunctionInvoker } from '../../local/lambda/function-pool.ts';
import { Template, type TemplateJson } from '../../local/template/template.ts';
import { fakeClock } from '../support/fake-clock.ts';

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

function start(resources: NonNullable<TemplateJson['Resources']>, runAtStart = false) {
  const templateOf = (Resources: TemplateJson['Resources']) =>
    new Template(
      { Resources: { Count: { Type: 'AWS::Lambda::Function', Properties: {} }, ...Resources } },
      { origins: [], attributes: (id) => ({ Ref: id, Arn: `arn:${id}` }) },
    );
  const clock = fakeClock();
  const invocations: { logicalId: string; event: unknown }[] = [];
  const lines: string[] = [];
  let failure: Error | undefined;
  const functions: FunctionInvoker = {
    async invoke(logicalId, event) {
      invocations.push({ logicalId, event });
      if (failure !== undefined) throw failure;
      return undefined;
    },
  };
  const schedules = startSchedules(templateOf(resources), functions, {
    runAtStart,
    log: (name, line) => lines.push(`${name}: ${line}`),
    clock,
  });
  return {
    schedules,
    clock,
    invocations,
    lines,
    failWith(error: Error) {
      failure = error;
    },
    replace: (next: TemplateJson['Resources']) => schedules.replace(templateOf(next)),
  };
}

const everyFive = rule({ ScheduleExpression: 'rate(5 minutes)', State: 'ENABLED' });

test('a rule invokes its function at its interval, for the first time after one interval', async () => {
  const { schedules, clock, invocations } = start({ Schedule: everyFive, Permission: permission });
  await clock.advance(299_999);
  expect(invocations).toEqual([]);
  await clock.advance(1);
  await clock.advance(600_000);
  expect(invocations.map(({ logicalId }) => logicalId)).toEqual(['Count', 'Count', 'Count']);
  expect(invocations[0]!.event).toMatchObject({ source: 'aws.events', 'detail-type': 'Scheduled Event' });
  schedules.close();
  await clock.advance(600_000);
  expect(invocations).toHaveLength(3);
});

test('a rule also runs at the start with runAtStart', () => {
  const { invocations } = start({ Schedule: everyFive, Permission: permission }, true);
  expect(invocations).toHaveLength(1);
});

test('another template replaces the rules', async () => {
  const { clock, invocations, replace } = start({ Schedule: everyFive, Permission: permission });
  replace({ Schedule: rule({ ScheduleExpression: 'rate(1 hour)' }), Permission: permission });
  await clock.advance(3_599_999);
  expect(invocations).toEqual([]);
  await clock.advance(1);
  expect(invocations).toHaveLength(1);
  replace({ Schedule: rule({ ScheduleExpression: 'rate(1 hour)', State: 'DISABLED' }), Permission: permission });
  await clock.advance(36_000_000);
  expect(invocations).toHaveLength(1);
});

test('a function that fails is logged and invoked again', async () => {
  const { schedules, invocations, lines, failWith } = start({ Schedule: everyFive, Permission: permission });
  failWith(new Error('no table'));
  await schedules.runNow();
  await schedules.runNow();
  expect(invocations).toHaveLength(2);
  expect(lines).toEqual(Array(2).fill('Count: The schedule Schedule failed: no table'));
});

test.each([
  ['a cron expression', rule({ ScheduleExpression: 'cron(0 12 * * ? *)' }), permission, 'rules without a rate'],
  ['an event pattern', rule({ EventPattern: { source: ['aws.s3'] } }), permission, 'rules without a rate'],
  ['no permission', everyFive, undefined, 'no AWS::Lambda::Permission allows events.amazonaws.com to invoke Count'],
])('a rule with %s is rejected at the start', (_name, schedule, allowed, message) => {
  expect(() => start({ Schedule: schedule, ...(allowed && { Permission: allowed }) })).toThrow(message);
});
