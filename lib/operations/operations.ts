import { Dashboard } from 'aws-cdk-lib/aws-cloudwatch';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Duration } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { AlarmSettings } from '../settings/alarm-settings.ts';
import { AlarmTopic } from './alarm-topic.ts';
import { type Alarms, createAlarms } from './cloudwatch-alarms.ts';
import { dashboardRows } from './cloudwatch-dashboard.ts';
import type { MonitoredResources } from './stack-metrics.ts';

export type OperationsProps = MonitoredResources & Omit<AlarmSettings, 'operations'>;

/** The CloudWatch dashboard and the alarms. */
export class Operations extends Construct {
  readonly alarms: Alarms;
  /** Receives the alarms; `undefined` without notifications. */
  readonly alarmTopic: ITopic | undefined;
  readonly dashboardName: string;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    const { alarms: rules = {}, alarmEmail: email, alarmTopic: existing, runbookUrl } = props;
    this.alarmTopic =
      email === undefined && existing === undefined
        ? undefined
        : new AlarmTopic(this, 'Topic', { email, existing }).topic;
    this.alarms = createAlarms(this, props, rules, { topic: this.alarmTopic, runbookUrl });
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.days(1) });
    for (const row of dashboardRows(this, props, Object.values(this.alarms))) dashboard.addWidgets(...row);
    this.dashboardName = dashboard.dashboardName;
  }
}
