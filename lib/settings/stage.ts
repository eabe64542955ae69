import { RemovalPolicy } from 'aws-cdk-lib';

/** The deployment stage: `dev` is deleted with its stack, `prod` retains the table, the KMS keys and the user pool. */
export type Stage = 'dev' | 'prod';

/** The removal policy of a resource that holds data. */
export function removalPolicy(stage: Stage): RemovalPolicy {
  return stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
