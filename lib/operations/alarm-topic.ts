import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Aws, Stack, Validations } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';

export interface AlarmTopicProps {
  /** The address to subscribe to a new topic. */
  readonly email: string | undefined;
  /** An existing topic or its ARN; a new topic is created without it. */
  readonly existing: ITopic | string | undefined;
}

/** The SNS topic that receives the alarms: an existing one, or a new one with an e-mail subscription. */
export class AlarmTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, { email, existing }: AlarmTopicProps) {
    super(scope, id);
    if (existing === undefined) this.topic = this.#createTopic(email);
    else this.topic = typeof existing === 'string' ? Topic.fromTopicArn(this, 'Topic', existing) : existing;
  }

  #createTopic(email: string | undefined): Topic {
    const topic = new Topic(this, 'Topic', { displayName: `Alarms of ${Stack.of(this).stackName}`, enforceSSL: true });
    // A topic policy replaces the default one, which permits every principal of the account to publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: { StringEquals: { 'aws:SourceAccount': Aws.ACCOUNT_ID } },
      }),
    );
    if (email !== undefined) topic.addSubscription(new EmailSubscription(email));
    Validations.of(topic).acknowledge({
      id: 'AwsSolutions-SNS2',
      reason:
        'A message contains the name of an alarm. CloudWatch cannot use the AWS managed key, and a customer managed key costs $1 a month.',
    });
    return topic;
  }
}
