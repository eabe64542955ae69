import { CfnOutput, Duration, Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  Alarm,
  AlarmStatusWidget,
  ComparisonOperator,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  LogQueryVisualizationType,
  LogQueryWidget,
  MathExpression,
  Metric,
  Stats,
  TextWidget,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import {
  type CountedEvent,
  countedEvents,
  type FunctionName,
  METRIC_DIMENSION,
  METRIC_NAMESPACE,
  measuredEvents,
} from '../../lambda/shared/metric-names.ts';
import type { HoldfastFunction } from '../holdfast-function.ts';
import { type AlarmDefault, type AlarmName, type AlarmSettings, alarmDefaults } from '../settings/alarm-settings.ts';
import { AlarmTopic } from './alarm-topic.ts';

export interface OperationsProps {
  readonly api: RestApi;
  readonly accessLog: LogGroup;
  /** The functions that are there: in direct mode there is no `OAuth`. */
  readonly doors: Readonly<Partial<Record<FunctionName, HoldfastFunction>>>;
  readonly tableName: string;
  readonly alarms?: AlarmSettings;
  readonly alarmEmail?: string;
  readonly alarmTopicArn?: string;
}

const PERIOD = Duration.minutes(5);

/** The height of a graph, in units of the console's grid, which is 24 wide. */
const HEIGHT = 6;

/** What an owner looks at when something is wrong, and what tells the owner that it is. */
export class Operations extends Construct {
  readonly #props: OperationsProps;

  constructor(scope: Construct, id: string, props: OperationsProps) {
    super(scope, id);
    this.#props = props;
    const alarms = this.#alarms();
    const dashboard = new Dashboard(this, 'Dashboard', { defaultInterval: Duration.days(1) });
    for (const row of [this.#summary(alarms), this.#requests(), this.#functions(), this.#table(), this.#events()]) {
      dashboard.addWidgets(...row);
    }
    dashboard.addWidgets(...this.#whoIsThere());
    dashboard.addWidgets(...this.#whatHappened());
    new CfnOutput(Stack.of(this), 'OperationsDashboard', {
      value: dashboard.dashboardName,
      description: 'The CloudWatch dashboard',
    });
  }

  #alarms(): Alarm[] {
    const watched = this.#watched();
    const { alarmEmail, alarmTopicArn, alarms: settings = {} } = this.#props;
    const topic =
      alarmEmail === undefined && alarmTopicArn === undefined
        ? undefined
        : new AlarmTopic(this, 'Topic', { email: alarmEmail, topicArn: alarmTopicArn }).topic;
    return (Object.keys(watched) as AlarmName[]).flatMap((name) => {
      const metric = watched[name];
      const byDefault: AlarmDefault = alarmDefaults[name];
      const setting = settings[name] ?? byDefault.unlessSet;
      if (metric === undefined || setting === false) return [];
      return [this.#alarm(name, metric, { ...byDefault, ...setting }, topic)];
    });
  }

  #alarm(name: AlarmName, metric: IMetric, rule: AlarmDefault, topic: ITopic | undefined): Alarm {
    const alarm = new Alarm(this, name.charAt(0).toUpperCase() + name.slice(1), {
      alarmDescription: `${rule.description} See "Alarms" in docs/operate.md.`,
      metric,
      threshold: rule.threshold,
      evaluationPeriods: rule.evaluationPeriods,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      // Nothing is sent where nothing happens.
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (topic) {
      alarm.addAlarmAction(new SnsAction(topic));
      alarm.addOkAction(new SnsAction(topic));
    }
    return alarm;
  }

  /** What each alarm watches: one metric, for which alone CloudWatch charges, if it is there. */
  #watched(): Record<AlarmName, IMetric | undefined> {
    const { api, doors } = this.#props;
    return {
      sessionFailures: this.#count('session_failed', 'Mcp'),
      refreshReuse: this.#count('refresh_reuse', 'OAuth'),
      codeReuse: this.#count('code_reuse', 'OAuth'),
      authorizerFailures: this.#count('authorizer_failed', 'Authorizer'),
      signInOutages: this.#count('service_unavailable', 'OAuth'),
      serverErrors: api.metricServerError({ period: PERIOD, statistic: Stats.AVERAGE }),
      latency: api.metricLatency({ period: PERIOD, statistic: Stats.p(99) }),
      throttling: doors.Mcp?.handler.metricThrottles({ period: PERIOD }),
      workerErrors: doors.Worker?.handler.metricErrors({ period: PERIOD }),
      auditFailures: this.#count('audit_write_failed', 'Mcp'),
      tableThrottles: new MathExpression({
        expression: 'reads + writes',
        usingMetrics: { reads: this.#ofTable('ReadThrottleEvents'), writes: this.#ofTable('WriteThrottleEvents') },
        label: 'throttled',
        period: PERIOD,
      }),
    };
  }

  #summary(alarms: Alarm[]): IWidget[] {
    const text = new TextWidget({
      markdown: `# ${Stack.of(this).stackName}\nWhat each number means and what to do: \`docs/operate.md\`.`,
      width: alarms.length > 0 ? 6 : 24,
      height: 4,
    });
    return alarms.length > 0
      ? [text, new AlarmStatusWidget({ title: 'Alarms', alarms, width: 18, height: 4 })]
      : [text];
  }

  #requests(): IWidget[] {
    const { api } = this.#props;
    const sum = { period: PERIOD, statistic: Stats.SUM };
    return [
      graph(
        'Requests',
        [
          api.metricCount({ ...sum, label: 'all' }),
          api.metricClientError({ ...sum, label: '4xx' }),
          api.metricServerError({ ...sum, label: '5xx' }),
        ],
        8,
      ),
      graph(
        'Time to answer, in milliseconds',
        [50, 99].map((percent) =>
          api.metricLatency({ period: PERIOD, statistic: Stats.p(percent), label: `p${percent}` }),
        ),
        8,
      ),
      // Which ones they were, the dashboard of Holdfast itself tells.
      graph(
        'Calls on record',
        measuredEvents.calls_aggregated.members.map((member) => this.#count(member, 'Rollup', member)!),
        8,
      ),
    ];
  }

  #functions(): IWidget[] {
    const doors = this.#doors();
    // Clients wait for these.
    const waitedFor = doors.filter(([name]) => name !== 'Dashboard' && name !== 'Rollup');
    return [
      // A refused token is an error of the authorizer to Lambda; authorizer_failed, below, counts the others.
      graph(
        'Errors of functions',
        doors
          .filter(([name]) => name !== 'Authorizer')
          .map(([name, { handler }]) => handler.metricErrors({ period: PERIOD, label: name })),
        6,
      ),
      graph(
        'Time of functions, in milliseconds (p99)',
        waitedFor.map(([name, { handler }]) =>
          handler.metricDuration({ period: PERIOD, statistic: Stats.p(99), label: name }),
        ),
        6,
      ),
      graph(
        'Running at once',
        waitedFor.map(([name, { handler }]) =>
          handler.metric('ConcurrentExecutions', { period: PERIOD, statistic: Stats.MAXIMUM, label: name }),
        ),
        6,
      ),
      graph(
        'Throttled by Lambda',
        waitedFor
          .filter(([name]) => name === 'Mcp' || name === 'Worker')
          .map(([name, { handler }]) => handler.metricThrottles({ period: PERIOD, label: name })),
        6,
      ),
    ];
  }

  #table(): IWidget[] {
    return [
      graph('Table: capacity used', [
        this.#ofTable('ConsumedReadCapacityUnits', 'read'),
        this.#ofTable('ConsumedWriteCapacityUnits', 'written'),
      ]),
      graph('Table: throttled', [
        this.#ofTable('ReadThrottleEvents', 'read'),
        this.#ofTable('WriteThrottleEvents', 'written'),
      ]),
    ];
  }

  /** What the functions count themselves. */
  #events(): IWidget[] {
    const counts = (events: CountedEvent[]) =>
      events.flatMap((event) =>
        countedEvents[event].flatMap((door) => this.#count(event, door, `${event}, ${door}`) ?? []),
      );
    return [
      graph('Failures', counts(['service_unavailable', 'unexpected_error', 'authorizer_failed', 'session_failed']), 8),
      graph('Sign-in', counts(['refresh_reuse', 'code_reuse', 'upstream_ended_grant', 'client_document_failed']), 8),
      graph(
        'Streams, long work, record',
        counts([
          'stream_store_failed',
          'elicitation_failed',
          'execution_failed',
          'audit_write_failed',
          'aggregation_failed',
        ]),
        8,
      ),
    ];
  }

  /** From the access log, which has `-` where nobody was let in. */
  #whoIsThere(): IWidget[] {
    const logGroupNames = [this.#props.accessLog.logGroupName];
    return [
      new LogQueryWidget({
        title: 'Users and clients connected, by hour',
        logGroupNames,
        view: LogQueryVisualizationType.LINE,
        queryLines: [
          'filter ispresent(user) and user != "-"',
          'stats count_distinct(user) as users, count_distinct(client) as clients by bin(1h)',
        ],
        width: 12,
        height: HEIGHT,
      }),
      new LogQueryWidget({
        title: 'Who has been here',
        logGroupNames,
        queryLines: [
          'filter ispresent(user) and user != "-"',
          'stats count(*) as requests, sum(status >= 400) as refused, max(@timestamp) as last by user, client',
          'sort requests desc',
          'limit 50',
        ],
        width: 12,
        height: HEIGHT,
      }),
    ];
  }

  #whatHappened(): IWidget[] {
    return [
      new LogQueryWidget({
        title: 'Requests that were refused or failed',
        logGroupNames: [this.#props.accessLog.logGroupName],
        queryLines: [
          'filter status >= 400',
          'stats count(*) as requests by status, refusal, method, path',
          'sort requests desc',
          'limit 50',
        ],
        width: 12,
        height: HEIGHT,
      }),
      new LogQueryWidget({
        title: 'What the functions have to say',
        logGroupNames: this.#doors().map(([, { logGroup }]) => logGroup.logGroupName),
        queryLines: [
          'fields @timestamp, event, reason, message, cause, requestId',
          'filter ispresent(event)',
          'sort @timestamp desc',
          'limit 50',
        ],
        width: 12,
        height: HEIGHT,
      }),
    ];
  }

  #doors(): [FunctionName, HoldfastFunction][] {
    return Object.entries(this.#props.doors).filter(
      (each): each is [FunctionName, HoldfastFunction] => each[1] !== undefined,
    );
  }

  /** How often a function logged the event, if that function is there. */
  #count(metricName: string, name: FunctionName, label?: string): Metric | undefined {
    const door = this.#props.doors[name];
    return (
      door &&
      new Metric({
        namespace: METRIC_NAMESPACE,
        metricName,
        dimensionsMap: { [METRIC_DIMENSION]: door.handler.functionName },
        statistic: Stats.SUM,
        period: PERIOD,
        label,
      })
    );
  }

  #ofTable(metricName: string, label?: string): Metric {
    return new Metric({
      namespace: 'AWS/DynamoDB',
      metricName,
      dimensionsMap: { TableName: this.#props.tableName },
      statistic: Stats.SUM,
      period: PERIOD,
      label,
    });
  }
}

const graph = (title: string, left: IMetric[], width = 12) =>
  new GraphWidget({ title, left, width, height: HEIGHT, leftYAxis: { min: 0, showUnits: false } });
