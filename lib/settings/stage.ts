import { RemovalPolicy } from 'aws-cdk-lib';

/** `dev` deletes itself with its stack; `prod` keeps what cannot be had again: the table, the keys, the users. */
export type Stage = 'dev' | 'prod';

/** What becomes of a resource with data when it leaves the stack. */
export function removalPolicy(stage: Stage): RemovalPolicy {
  return stage === 'prod' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY;
}
