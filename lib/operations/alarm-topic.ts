import { Aws, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';

/** Where alarms go: to a topic of the owner's, or to one of the stack's own that sends them by e-mail. */
export class AlarmTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, props: { email: string | undefined; topicArn: string | undefined }) {
    super(scope, id);
    this.topic =
      props.topicArn === undefined ? this.#ownTopic(props.email) : Topic.fromTopicArn(this, 'Topic', props.topicArn);
  }

  #ownTopic(email: string | undefined): Topic {
    const topic = new Topic(this, 'Topic', { displayName: `Alarms of ${Stack.of(this).stackName}`, enforceSSL: true });
    // A topic with a policy has lost the one that let everything of the account publish.
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
        'A message has the name of an alarm. The one free key cannot be used by CloudWatch, and another costs $1.',
    });
    return topic;
  }
}
