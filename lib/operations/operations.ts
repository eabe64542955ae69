import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { AlarmRules } from '../settings/alarm-settings.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { createAlarms } from './cloudwatch-alarms.ts';
import { dashboardRows } from './cloudwatch-dashboard.ts';
import type { MonitoredResources } from './stack-metrics.ts';

export interface OperationsProps extends MonitoredResources {
  /**
   * Changes to the default alarms.
   * @default - the alarms of `alarmDefaults`
   */
  readonly alarms?: AlarmRules;
  /**
   * The e-mail address that receives the alarms.
   * @default - no e-mail
   */
  readonly alarmEmail?: string;
  /**
   * ARN of the SNS topic that receives the alarms.
   * @default - a topic in the stack if `alarmEmail` is set, else none
   */
  readonly alarmTopicArn?: string;
}

/** The CloudWatch dashboard and the alarms. */
export class Operations extends Construct {
  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    const { alarms: rules = {}, alarmEmail: email, alarmTopicArn: topicArn } = props;
    const topic =
      email === undefined && topicArn === undefined
        ? undefined
        : new AlarmTopic(this, 'Topic', { email, topicArn }).topic;
    const alarms = createAlarms(this, props, rules, topic);
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.days(1) });
    for (const row of dashboardRows(this, props, alarms)) dashboard.addWidgets(...row);
    new CfnOutput(Stack.of(this), 'OperationsDashboard', {
      value: dashboard.dashboardName,
      description: 'The CloudWatch dashboard',
    });
  }
}
