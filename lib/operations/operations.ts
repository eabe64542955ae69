import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { AlarmSettings } from '../settings/alarm-settings.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { createAlarms } from './cloudwatch-alarms.ts';
import { dashboardRows } from './cloudwatch-dashboard.ts';
import type { MonitoredResources } from './stack-metrics.ts';

export type OperationsProps = MonitoredResources & Omit<AlarmSettings, 'operations'>;

/** The CloudWatch dashboard and the alarms. */
export class Operations extends Construct {
  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    const { alarms: rules = {}, alarmEmail: email, alarmTopic: existing } = props;
    const topic =
      email === undefined && existing === undefined
        ? undefined
        : new AlarmTopic(this, 'Topic', { email, existing }).topic;
    const alarms = createAlarms(this, props, rules, topic);
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.days(1) });
    for (const row of dashboardRows(this, props, alarms)) dashboard.addWidgets(...row);
    new CfnOutput(Stack.of(this), 'OperationsDashboard', {
      value: dashboard.dashboardName,
      description: 'The CloudWatch dashboard',
    });
  }
}
